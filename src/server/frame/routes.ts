import { SparkifyError } from '../../core/errors.ts';
import { API_BASE, operations } from '../operations.ts';

/** `/runs/{run}` as Hono writes it. */
export function routePath(path: string): string {
  return `${API_BASE}${path.replaceAll(/\{(\w+)\}/gu, ':$1')}`;
}

/** The methods that operations at a path take, in capitals. */
export function methodsAt(path: string): readonly string[] {
  const found = Object.values(operations).filter((o) => patternOf(o.path).test(path));
  return [...new Set(found.map((o) => o.method.toUpperCase()))];
}

export function routeUnknown(method: string, path: string, allowed: readonly string[]): SparkifyError {
  const shown = path.slice(0, 200);
  return allowed.length === 0
    ? new SparkifyError('ROUTE_UNKNOWN', { path: shown })
    : new SparkifyError('METHOD_REFUSED', { path: shown, method, allowed });
}

function patternOf(path: string): RegExp {
  return new RegExp(`^${API_BASE}${path.replaceAll(/\{\w+\}/gu, '[^/]+')}$`, 'u');
}

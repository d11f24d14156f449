import { SparkifyError } from '../../core/errors.ts';
import { type Scope, scopes } from '../operations.ts';

/** Each scope holds those before it. */
export function holds(given: readonly Scope[], needed: Scope): boolean {
  return given.some((s) => scopes.indexOf(s) >= scopes.indexOf(needed));
}

/** @throws SCOPE_LACKING */
export function requireScope(given: readonly Scope[], needed: Scope | 'open'): void {
  if (needed !== 'open' && !holds(given, needed)) throw new SparkifyError('SCOPE_LACKING', { needed, scopes: given });
}

/** Nobody gives away more than they have. @throws SCOPE_LACKING */
export function requireScopes(given: readonly Scope[], needed: readonly Scope[]): void {
  for (const scope of needed) requireScope(given, scope);
}

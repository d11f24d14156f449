import { resolve } from 'node:path';
import { SparkifyError } from '../core/errors.ts';

export type WarehouseUrl =
  | { readonly engine: 'duckdb' /** Absolute. */; readonly path: string }
  | { readonly engine: 'postgres'; readonly url: string };

/**
 * Which warehouse a URL names: `duckdb:PATH`, relative to `cwd`, or `postgresql://…` (also `postgres://…`).
 * @throws WAREHOUSE_URL_INVALID
 */
export function parseWarehouseUrl(url: string, cwd: string): WarehouseUrl {
  const fail = (detail: string): never => {
    throw new SparkifyError('WAREHOUSE_URL_INVALID', { url: maskUrl(url), detail });
  };
  const scheme = /^([A-Za-z][A-Za-z0-9+.-]*):/.exec(url)?.[1]?.toLowerCase();
  switch (scheme) {
    case 'duckdb': {
      const path = url.slice('duckdb:'.length).replace(/^\/\/(?=\/)/, '');
      if (path === '') return fail('the path is missing');
      if (path === ':memory:')
        return fail('its segments need a place on disk; name a file, for example duckdb:sparkify.db');
      return { engine: 'duckdb', path: resolve(cwd, path) };
    }
    case 'postgresql':
    case 'postgres':
      if (!/^postgres(ql)?:\/\//i.test(url)) return fail('after the scheme comes //');
      return { engine: 'postgres', url };
    case undefined:
      return fail('it has no scheme');
    default:
      return fail(`"${scheme}:" is no engine of this version`);
  }
}

/** A URL as it may be shown: its password, in either place it can stand, is replaced by ***. */
export function maskUrl(url: string): string {
  return (
    url
      // Greedy up to the last @ before the path, so that an unescaped @ or : in a password does not leak its tail.
      .replace(/^([a-z][a-z0-9+.-]*:\/\/[^:/?#@]*):[^/?#]*@/i, '$1:***@')
      .replace(/^([a-z][a-z0-9+.-]*:\/\/[^:/?#@]*):.*@/i, '$1:***@')
      .replace(/([?&](?:password|sslpassword)=)[^&]*/gi, '$1***')
  );
}

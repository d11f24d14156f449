import { resolve } from 'node:path';
import { SparkifyError } from '../../core/errors.ts';
import { maskUrl } from '../../warehouse/url.ts';

export type StoreUrl =
  | { readonly engine: 'embedded' /** Absolute. */; readonly path: string }
  | {
      readonly engine: 'postgres';
      /** Without the parameter `schema`. */ readonly url: string;
      readonly schema: string;
    };

const DEFAULT_SCHEMA = 'sparkify_store';

/**
 * Which store a URL names: `sqlite:PATH`, relative to `cwd`, or `postgresql://…`, whose parameter `schema` may name
 * another schema than `sparkify_store`.
 * @throws STORE_URL_INVALID
 */
export function parseStoreUrl(url: string, cwd: string): StoreUrl {
  const fail = (detail: string): never => {
    throw new SparkifyError('STORE_URL_INVALID', { url: maskUrl(url), detail });
  };
  const scheme = /^([A-Za-z][A-Za-z0-9+.-]*):/.exec(url)?.[1]?.toLowerCase();
  switch (scheme) {
    case 'sqlite': {
      const path = url.slice('sqlite:'.length).replace(/^\/\/(?=\/)/, '');
      if (path === '') return fail('the path is missing');
      if (path === ':memory:') return fail('a store must outlive its process; name a file');
      if (path.includes('\0')) return fail('a path has no NUL character');
      return { engine: 'embedded', path: resolve(cwd, path) };
    }
    case 'postgresql':
    case 'postgres': {
      if (!/^postgres(ql)?:\/\//i.test(url)) return fail('after the scheme comes //');
      const [address = '', query = ''] = url.split(/\?(.*)/s);
      const parameters = new URLSearchParams(query);
      const schema = parameters.get('schema') ?? DEFAULT_SCHEMA;
      if (!/^[a-z_][a-z0-9_]{0,62}$/.test(schema) || schema.startsWith('pg_'))
        return fail(`"${schema}" is no name for a schema here: small letters, digits and _, at most 63`);
      const others = query.split('&').filter((part) => part !== '' && !/^schema(=|$)/.test(part));
      return { engine: 'postgres', url: others.length === 0 ? address : `${address}?${others.join('&')}`, schema };
    }
    case undefined:
      return fail('it has no scheme');
    default:
      return fail(`"${scheme}:" is no engine of this version`);
  }
}

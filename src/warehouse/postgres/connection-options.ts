import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';
import type { ConnectionOptions as TlsOptions } from 'node:tls';
import { errorText, SparkifyError } from '../../core/errors.ts';
import { maskUrl } from '../url.ts';
import { readPassFile } from './pass-file.ts';

/** Environment variables as libpq knows them; only these are looked at: PGHOST … PGPASSWORD, PGPASSFILE, PGSSL*. */
export type PostgresEnvironment = Readonly<Record<string, string | undefined>>;

export interface PostgresAddress {
  /** `postgresql://…` without a password, for people. */
  readonly shown: string;
  /** Host name, address, or the folder of a socket. */
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly database: string;
  readonly password: string | undefined;
  /** false: no TLS. */
  readonly tls: TlsOptions | false;
  readonly connectTimeoutMs: number;
  readonly applicationName: string;
}

const NO_HOST = 'no-host.invalid';
const PARAMETERS = [
  'sslmode',
  'sslrootcert',
  'sslcert',
  'sslkey',
  'host',
  'port',
  'user',
  'dbname',
  'connect_timeout',
  'application_name',
];

export interface ResolveAddressOptions {
  readonly env?: PostgresEnvironment;
  /** What relative certificate paths are relative to. @default '.' */
  readonly cwd?: string;
}

/**
 * Everything a connection needs: from the URL, else the environment, else libpq's defaults; the password also from a
 * pass file. TLS: none on loopback and sockets, `verify-full` elsewhere, or what `sslmode` asks for.
 * @throws WAREHOUSE_URL_INVALID, WAREHOUSE_TLS_FAILED when a certificate file cannot be read
 */
export async function resolveAddress(url: string, options: ResolveAddressOptions = {}): Promise<PostgresAddress> {
  const { env = {}, cwd = '.' } = options;
  const parsed = parseUrl(url);
  const params = parsed.searchParams;
  const param = (name: string, variable: string): string | undefined => params.get(name) || env[variable] || undefined;
  const decode = (text: string): string | undefined => (text === '' ? undefined : decodeURIComponent(text));

  const host = decode(parsed.hostname.replace(/^\[(.*)\]$/, '$1')) ?? param('host', 'PGHOST') ?? 'localhost';
  const port = Number((parsed.port || undefined) ?? param('port', 'PGPORT') ?? 5432);
  const user = decode(parsed.username) ?? param('user', 'PGUSER') ?? env.USER ?? 'postgres';
  const database = decode(parsed.pathname.replace(/^\//, '')) ?? param('dbname', 'PGDATABASE') ?? user;
  if (!Number.isInteger(port) || port < 1 || port > 65_535) throw invalid(url, `"${port}" is no port`);
  const password =
    decode(parsed.password) ??
    (env.PGPASSWORD || undefined) ??
    (await readPassFile(env.PGPASSFILE || join(env.HOME || homedir(), '.pgpass'), { host, port, database, user }));
  const timeoutS = Number(param('connect_timeout', 'PGCONNECT_TIMEOUT') ?? 10);
  return {
    shown: maskUrl(url),
    host,
    port,
    user,
    database,
    password,
    tls: await resolveTls(url, host, param('sslmode', 'PGSSLMODE'), {
      ca: param('sslrootcert', 'PGSSLROOTCERT'),
      cert: param('sslcert', 'PGSSLCERT'),
      key: param('sslkey', 'PGSSLKEY'),
      cwd,
    }),
    connectTimeoutMs: Number.isFinite(timeoutS) && timeoutS > 0 ? timeoutS * 1000 : 10_000,
    applicationName: params.get('application_name') || 'sparkify',
  };
}

function parseUrl(url: string): URL {
  let parsed: URL;
  try {
    parsed = new URL(withHost(url.replace(/^postgres:/i, 'postgresql:')));
    for (const part of [parsed.username, parsed.password, parsed.hostname, parsed.pathname]) decodeURIComponent(part);
  } catch {
    const list = /@?[^/?]*,[^/?]*/.test(url.replace(/^\w+:\/\//, '').split(/[/?]/)[0] ?? '');
    throw invalid(url, list ? 'one host only, not a list' : 'it cannot be read; escape special characters (%40 for @)');
  }
  if (/[/@]/.test(parsed.pathname.slice(1)))
    throw invalid(
      url,
      'after the host comes one name, that of the database; escape special characters (%40 for @, %2F for /)',
    );
  const unknown = [...parsed.searchParams.keys()].find((k) => !PARAMETERS.includes(k));
  if (unknown !== undefined)
    throw invalid(url, `there is no parameter "${unknown}" (there are: ${PARAMETERS.join(', ')})`);
  return parsed;
}

/** A URL with a user and without a host is none to the parser, but usual with sockets. */
function withHost(url: string): string {
  return url.replace(/^(postgresql:\/\/[^/?#@]*@)(?=[:/?#]|$)/i, `$1${NO_HOST}`);
}

/** Does a host name or address stay on this machine? */
export function isLoopback(host: string): boolean {
  return host.startsWith('/') || host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);
}

async function resolveTls(
  url: string,
  host: string,
  asked: string | undefined,
  files: {
    readonly ca: string | undefined;
    readonly cert: string | undefined;
    readonly key: string | undefined;
    readonly cwd: string;
  },
): Promise<TlsOptions | false> {
  const mode = asked ?? (isLoopback(host) ? 'disable' : 'verify-full');
  if (mode === 'disable') return false;
  if (mode === 'prefer' || mode === 'allow')
    throw invalid(
      url,
      `sslmode=${mode} may fall back to no encryption; say disable, require, verify-ca or verify-full`,
    );
  if (mode !== 'require' && mode !== 'verify-ca' && mode !== 'verify-full')
    throw invalid(url, `there is no sslmode "${mode}" (there are: disable, require, verify-ca, verify-full)`);
  const read = async (path: string | undefined): Promise<string | undefined> => {
    if (path === undefined || path === 'system') return undefined;
    try {
      return await readFile(isAbsolute(path) ? path : resolve(files.cwd, path), 'utf8');
    } catch (error) {
      throw new SparkifyError(
        'WAREHOUSE_TLS_FAILED',
        { target: maskUrl(url), detail: `the certificate file cannot be read: ${errorText(error)}` },
        { cause: error },
      );
    }
  };
  const [ca, cert, key] = await Promise.all([read(files.ca), read(files.cert), read(files.key)]);
  return {
    rejectUnauthorized: mode !== 'require',
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    // verify-ca asks who signed the certificate, not whom it names.
    ...(mode === 'verify-ca' ? { checkServerIdentity: () => undefined } : {}),
  };
}

function invalid(url: string, detail: string): SparkifyError {
  return new SparkifyError('WAREHOUSE_URL_INVALID', { url: maskUrl(url), detail });
}

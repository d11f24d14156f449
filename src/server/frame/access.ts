import { SparkifyError } from '../../core/errors.ts';

/** What a request says about where it comes from and what it wants to reach. */
export interface Whence {
  readonly method: string;
  /** Of the request's URL, which for most clients repeats `host`. */
  readonly urlHost: string;
  readonly header: (name: string) => string | undefined;
}

export const localNames = ['localhost', '127.0.0.1', '[::1]'] as const;

/**
 * Only names of this server are answered to. A page of elsewhere whose name was pointed at this machine (DNS rebinding)
 * comes with its own name.
 * @throws HOST_REFUSED
 */
export function requireHost({ urlHost, header }: Whence, names: ReadonlySet<string>): void {
  for (const host of [header('host') ?? urlHost, urlHost]) {
    const name = hostName(host);
    if (name === undefined || !names.has(name)) throw new SparkifyError('HOST_REFUSED', { host: host.slice(0, 200) });
  }
}

/**
 * Pages of other places may neither change nor read anything here. Browsers say where a request comes from; programs say
 * nothing and are let through.
 * @throws ORIGIN_REFUSED
 */
export function requireOrigin({ method, urlHost, header }: Whence): void {
  const reads = method === 'GET' || method === 'HEAD';
  const site = header('sec-fetch-site');
  const origin = header('origin');
  const foreign = site !== undefined && site !== 'same-origin' && site !== 'none';
  // A link in a mail or chat is followed from elsewhere and shows the answer to the person alone.
  const followed = reads && header('sec-fetch-mode') === 'navigate';
  if (foreign && !followed) throw new SparkifyError('ORIGIN_REFUSED', { origin: origin ?? `another place (${site})` });
  if (origin === undefined || (reads && !foreign)) return;
  if (originHost(origin) !== (header('host') ?? urlHost).toLowerCase())
    throw new SparkifyError('ORIGIN_REFUSED', { origin: origin.slice(0, 200) });
}

/** The name in `name:port`, in small letters; IPv6 addresses keep their brackets. */
export function hostName(host: string): string | undefined {
  return /^(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::\d{1,5})?$/u.exec(host.toLowerCase())?.[1];
}

function originHost(origin: string): string | undefined {
  return /^https?:\/\/([^/]+)$/u.exec(origin.toLowerCase())?.[1];
}

/** May only this machine reach a server that listens here? */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host === '[::1]' || /^127(?:\.\d{1,3}){3}$/u.test(host);
}

import { hostname } from 'node:os';

/** A process as its connections name it. */
export interface NamedProcess {
  readonly host: string;
  readonly pid: number;
}

const NAME_BYTES_MAX = 63;

/**
 * The name of this process's connections, `sparkify host:pid`: a backend knows the address of its client, but not its process.
 * @param prefix what the URL calls the application
 */
export function connectionName(prefix: string): string {
  const end = processSuffix({ host: hostname(), pid: process.pid });
  return prefix.slice(0, NAME_BYTES_MAX - end.length) + end;
}

/** What the names of all its connections end with. */
export function processSuffix({ host, pid }: NamedProcess): string {
  const end = `:${pid}`;
  return ` ${host.slice(0, 40)}${end}`;
}

/** The process that a name ends with; undefined for connections of others. */
export function processNamed(name: string): NamedProcess | undefined {
  const found = / (\S+):(\d+)$/.exec(name);
  return found === null ? undefined : { host: found[1]!, pid: Number(found[2]) };
}

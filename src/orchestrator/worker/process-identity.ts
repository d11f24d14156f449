import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';

/**
 * A process as others can look for it. `place` is where its number means anything: the same host, not started anew since,
 * and the same space of processes (containers have their own).
 */
export interface ProcessIdentity {
  readonly host: string;
  readonly pid: number;
  readonly place: string;
  /** Tells it from a later process of the same number; empty where the system does not say. */
  readonly birth: string;
}

export function ownIdentity(): ProcessIdentity {
  const host = hostname();
  const boot = firstWord(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8'));
  const space = firstWord(() => readlinkSync('/proc/self/ns/pid'));
  return { host, pid: process.pid, place: [host, boot, space].join(' '), birth: birthOf(process.pid) ?? '' };
}

/** Whether a process lives; undefined when it cannot be known from here. */
export function isAlive(who: ProcessIdentity, own: ProcessIdentity): boolean | undefined {
  if (who.place !== own.place) return undefined;
  try {
    process.kill(who.pid, 0);
  } catch (error) {
    // Somebody else's process may not be signalled, but it is there.
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false;
  }
  const birth = birthOf(who.pid);
  return birth === undefined || who.birth === '' || birth === who.birth;
}

/** From JSON. @returns undefined for anything else */
export function parseIdentity(text: string): ProcessIdentity | undefined {
  try {
    const { host, pid, place, birth } = JSON.parse(text) as Partial<ProcessIdentity>;
    if (typeof host !== 'string' || typeof place !== 'string' || typeof birth !== 'string') return undefined;
    return Number.isSafeInteger(pid) ? { host, pid: pid!, place, birth } : undefined;
  } catch {
    return undefined;
  }
}

/** When a process began, in ticks since the system did; a zombie counts as ended. Linux only. */
function birthOf(pid: number): string | undefined {
  const stat = firstLine(() => readFileSync(`/proc/${pid}/stat`, 'utf8'));
  if (stat === '') return undefined;
  // Its name stands in parentheses and may hold anything.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields[0] === 'Z' ? 'ended' : fields[19];
}

function firstWord(read: () => string): string {
  return firstLine(read).split(' ')[0] ?? '';
}

function firstLine(read: () => string): string {
  try {
    return read().split('\n')[0]!.trim();
  } catch {
    return '';
  }
}

/** What a publish does to V and C, as the rules have it, over objects that lie in two folders. */
import type { Coverage, LiveObject, Match, ObjectKind, ReferenceInput } from './reference.ts';

/** Half-open, UTC epoch milliseconds. */
export interface Span {
  readonly startMs: number;
  readonly endMs: number;
}

export interface PublishRequest {
  /** Absent: all time. */
  readonly interval?: Span;
  /** Retract what is gone from the places this publish lists, however much that is. */
  readonly prune: boolean;
  readonly match: Match;
}

const DAY_MS = 86_400_000;
const LOG_KEY = /^log_data\/\d{4}\/\d{2}\/(\d{4}-\d{2}-\d{2})-events\.json$/;

export function logPath(dayMs: number): string {
  const iso = new Date(dayMs).toISOString();
  return `log_data/${iso.slice(0, 4)}/${iso.slice(5, 7)}/${iso.slice(0, 10)}-events.json`;
}

export function kindOf(path: string): ObjectKind {
  return path.startsWith('log_data/') ? 'events' : 'songs';
}

/**
 * Would a publish of this interval list the object? Songs always; a log file when its day overlaps the interval widened
 * by one day on both sides.
 */
export function isListed(path: string, interval: Span | undefined): boolean {
  if (kindOf(path) === 'songs' || interval === undefined) return true;
  const day = LOG_KEY.exec(path)?.[1];
  if (day === undefined) throw new Error(`no key of a log file: ${path}`);
  const startMs = Date.parse(`${day}T00:00:00.000Z`);
  return startMs < interval.endMs + DAY_MS && interval.startMs - DAY_MS < startMs + DAY_MS;
}

/** V and C, kept from publish to publish. Paths relative to the root stand for absolute URIs. */
export class PublishedModel {
  #versions = new Map<string, readonly string[]>();
  #coverage: Coverage = [];

  /** `tree`: path → records of every object that lies there now. */
  publish(tree: ReadonlyMap<string, readonly string[]>, request: PublishRequest): void {
    for (const [path, records] of tree) if (isListed(path, request.interval)) this.#versions.set(path, records);
    if (request.prune) {
      for (const path of [...this.#versions.keys()])
        if (!tree.has(path) && isListed(path, request.interval)) this.#versions.delete(path);
    }
    const { interval } = request;
    if (interval === undefined) this.#coverage = 'all';
    else if (this.#coverage !== 'all') this.#coverage = [...this.#coverage, [interval.startMs, interval.endMs]];
  }

  input(match: Match): ReferenceInput {
    const objects: LiveObject[] = [...this.#versions].map(([uri, records]) => ({ uri, kind: kindOf(uri), records }));
    return { objects, coverage: this.#coverage, match };
  }
}

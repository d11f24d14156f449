import { SparkifyError } from '../core/errors.ts';
import { type KnownObject, knownObjects } from '../ledger/objects.ts';
import { ledger } from '../ledger/transaction.ts';
import { formatInstant, type Interval, isAllTime } from '../pipeline/interval.ts';
import type { Staging } from '../pipeline/tables.ts';
import { compileTemplate } from '../pipeline/template.ts';
import type { ListedObject, Listing, Source } from '../sources/source.ts';
import { stagedByOtherRules } from './reading.ts';
import { type RunState, warn } from './run-state.ts';

/** A file's time may lie as much behind a write that follows it: a younger one proves nothing. */
const MTIME_GRAIN_MS = 2_000;

/** The event time whose keys a run of this interval lists; undefined: it lists the whole root. */
export function listedTime(state: RunState, staging: Staging): Interval | undefined {
  if (isAllTime(state.interval) || staging.template === undefined) return undefined;
  return compileTemplate(staging.template).widen(state.interval, staging.lookback, staging.lookahead);
}

/** Lists the objects a run of this interval takes from a staging's source. */
export async function listObjects(state: RunState, staging: Staging, source: Source): Promise<Listing> {
  const template = staging.template === undefined ? undefined : compileTemplate(staging.template);
  const within = listedTime(state, staging);
  const listing = await source.list({
    endings: staging.endings,
    ...(staging.template === undefined ? {} : { template: staging.template }),
    ...(within === undefined ? {} : { interval: within }),
    signal: state.options.signal,
    // The threads that will read the objects have nothing to do yet.
    ...(state.options.workers === 0 ? {} : { lookAside: (paths) => state.threads.pool().look(paths) }),
  });
  for (const s of listing.skipped.slice(0, 10)) warn(state, `${staging.name}: ${s.key} is not read: ${s.reason}`);
  if (listing.skipped.length > 10)
    warn(state, `${staging.name}: ${listing.skipped.length - 10} more keys are not read`);
  if (within !== undefined && template !== undefined) reportMissing(state, staging, listing, template);
  return listing;
}

function reportMissing(
  state: RunState,
  staging: Staging,
  listing: Listing,
  template: ReturnType<typeof compileTemplate>,
): void {
  const there = new Set(listing.objects.flatMap((o) => template.match(o.key)?.startMs ?? []));
  const missing = template.periods(state.interval).filter((p) => !there.has(p.startMs));
  if (missing.length === 0) return;
  const names = missing.map((p) => formatInstant(p.startMs));
  if (staging.onMissing === 'fail')
    throw new SparkifyError('OBJECTS_MISSING', { staging: staging.name, periods: names.slice(0, 10) });
  warn(
    state,
    `${staging.name}: no object for ${names.slice(0, 5).join(', ')}${names.length > 5 ? ` and ${names.length - 5} more periods` : ''}; taken as empty`,
  );
}

/** What becomes of a uri that the ledger knows. */
export interface KnownUri {
  /** But for the outdated ones. */
  readonly versions: KnownObject[];
  listed: boolean;
  /** The version that the listing shows; undefined: none that is known yet. */
  current: number | undefined;
}

/** What the ledger knows of the listed objects: which are to be read, and which version stands for each of the others. */
export interface Comparison {
  /** Known, but read by other rules than today's and never published: as good as unread. */
  readonly outdated: ReadonlySet<number>;
  readonly toRead: readonly ListedObject[];
  readonly known: readonly KnownObject[];
  /** The known ones by uri. Objects that nobody knows are not in it: of a first load, they are all. */
  readonly uris: ReadonlyMap<string, KnownUri>;
}

export async function compareWithLedger(state: RunState, staging: Staging, listing: Listing): Promise<Comparison> {
  const { options } = state;
  const { known, outdated } = await options.warehouse.read(async (s) => {
    const known = await knownObjects(s, options.pipeline.name, staging.name);
    const waits = known.some((k) => k.state === 'staged');
    return { known, outdated: waits ? await stagedByOtherRules(s, options.pipeline.name, staging) : new Set<number>() };
  });
  const uris = new Map<string, KnownUri>();
  if (known.length === 0) return { toRead: listing.objects, known, uris, outdated };
  for (const k of known) {
    const fresh = outdated.has(k.object_id) ? [] : [k];
    const own = uris.get(k.uri);
    if (own === undefined) uris.set(k.uri, { versions: fresh, listed: false, current: undefined });
    else own.versions.push(...fresh);
  }
  const toRead: ListedObject[] = [];
  for (const o of listing.objects) {
    const own = uris.get(o.uri);
    if (own !== undefined) {
      own.listed = true;
      if (options.fromSources !== true)
        own.current = own.versions.find((k) => sameVersion(o, k, options.verify === true))?.object_id;
    }
    if (own?.current === undefined) toRead.push(o);
  }
  return { toRead, known, uris, outdated };
}

function sameVersion(listed: ListedObject, known: KnownObject, verify: boolean): boolean {
  if (listed.version !== undefined) return listed.version === known.version;
  return !verify && looksSame(listed, known) && !isYoung(known);
}

/** Whether a file was written so shortly before it was looked at that its time proves nothing. */
export function isYoung(known: KnownObject): boolean {
  return known.mtime_ms !== null && known.mtime_ms >= known.looked_at_ms - MTIME_GRAIN_MS;
}

/** Whether nothing speaks against it that the version is the one known; of a file too young to tell only its bytes would. */
export function looksSame(listed: ListedObject, known: KnownObject): boolean {
  if (listed.version !== undefined) return listed.version === known.version;
  if (known.mtime_ms === null || listed.mtimeMs === undefined) return false;
  return listed.sizeBytes === known.size_bytes && Math.trunc(listed.mtimeMs) === known.mtime_ms;
}

/**
 * Which versions enter, leave or were replaced before they were published, given the version that stands for each known
 * uri.
 * @param read ids of what this run has recorded: they stand for their uris
 * @param standing every other live or staged version of the staging; looked for in the ledger when it is not given
 */
export async function selectVersions(
  state: RunState,
  staging: Staging,
  listing: Listing,
  uris: ReadonlyMap<string, Pick<KnownUri, 'listed' | 'current'>>,
  read: readonly number[],
  standing?: readonly KnownObject[],
): Promise<{
  readonly incoming: readonly number[];
  readonly outgoing: readonly number[];
  readonly abandoned: readonly number[];
  readonly gone: readonly string[];
  readonly pruned: number;
}> {
  const { options } = state;
  const pipeline = options.pipeline.name;
  const { known, children } = await options.warehouse.read(async (s) => ({
    known: standing ?? (await knownObjects(s, pipeline, staging.name)),
    children: await s.all<{ object_id: number; parent_id: number; state: string }>(
      `select object_id, parent_id, state from ${ledger('objects')} where pipeline = $1 and staging = $2 and parent_id is not null and state in ('live', 'staged')`,
      [pipeline, staging.name],
    ),
  }));
  const isChild = new Set(children.map((c) => c.object_id));
  const incoming = [...read];
  const outgoing: number[] = [];
  const abandoned: number[] = [];
  const gone: KnownObject[] = [];
  let pruned = 0;
  const isRead = new Set(standing === undefined ? read : []);
  const reach = reachOf(state, staging, listing);
  for (const k of known) {
    if (isChild.has(k.object_id) || isRead.has(k.object_id)) continue;
    const own = uris.get(k.uri);
    const present = own?.current;
    if (present !== undefined) {
      if (present === k.object_id) {
        if (k.state === 'staged') incoming.push(k.object_id);
      } else if (k.state === 'live') outgoing.push(k.object_id);
      else abandoned.push(k.object_id);
    } else if (k.state === 'live' && own?.listed !== true && reach(k.uri)) gone.push(k);
  }
  if (gone.length > 0) {
    if (options.prune === true) {
      const inReach = known.filter((k) => k.state === 'live' && !isChild.has(k.object_id) && reach(k.uri)).length;
      if (options.pruneAll !== true && (listing.objects.length === 0 || gone.length * 10 > inReach)) {
        throw new SparkifyError('PRUNE_REFUSED', {
          staging: staging.name,
          gone: gone.length,
          known: inReach,
          listed: listing.objects.length,
        });
      }
      outgoing.push(...gone.map((k) => k.object_id));
      pruned = gone.length;
    } else {
      const names = gone.slice(0, 3).map((k) => k.uri);
      warn(
        state,
        `${staging.name}: ${gone.length} published ${gone.length === 1 ? 'object is' : 'objects are'} gone from the source (${names.join(', ')}${gone.length > 3 ? ', …' : ''}); ${gone.length === 1 ? 'its rows stay. --prune retracts it.' : 'their rows stay. --prune retracts them.'}`,
      );
    }
  }
  const result = { incoming, outgoing, abandoned, gone: gone.map((k) => k.uri), pruned };
  if (children.length === 0) return result;
  // Corrections and replays go and come with the version they belong to.
  const leaving = new Set(outgoing);
  const coming = new Set(incoming);
  const dropped = new Set(abandoned);
  const live = new Set(known.filter((k) => k.state === 'live').map((k) => k.object_id));
  for (const c of children) {
    if (leaving.has(c.parent_id)) (c.state === 'live' ? outgoing : abandoned).push(c.object_id);
    else if (dropped.has(c.parent_id)) abandoned.push(c.object_id);
    else if (c.state === 'staged' && (live.has(c.parent_id) || coming.has(c.parent_id))) incoming.push(c.object_id);
  }
  return result;
}

/** Which known uris this listing would have shown if they were there. */
function reachOf(state: RunState, staging: Staging, listing: Listing): (uri: string) => boolean {
  const within = listedTime(state, staging);
  if (within === undefined) return (uri) => uri.startsWith(listing.root);
  const template = compileTemplate(staging.template!);
  return (uri) => {
    if (!uri.startsWith(listing.root)) return false;
    const period = template.match(decodeURIComponent(uri.slice(listing.root.length)));
    return period !== undefined && period.startMs < within.endMs && period.endMs > within.startMs;
  };
}

import { eventSpans, type KnownObject } from '../ledger/objects.ts';
import { type Interval, overlaps } from '../pipeline/interval.ts';
import type { Staging } from '../pipeline/tables.ts';
import { compileTemplate, type KeyTemplate } from '../pipeline/template.ts';
import type { ListedObject, Listing } from '../sources/source.ts';
import type { Warehouse } from '../warehouse/warehouse.ts';

/** What a look at a staging's source showed. */
export interface SourceLook {
  readonly pipeline: string;
  readonly staging: string;
  readonly listedAtMs: number;
  /** Absolute URI with a final `/`. */
  readonly root: string;
  /** The event time whose keys were listed; undefined: the whole root. */
  readonly within: Interval | undefined;
  readonly listed: readonly ListedObject[];
  /** Whether it would have shown an object of this uri. */
  readonly covers: (uri: string) => boolean;
  /**
   * Listed versions that are not in V, and objects of V that are not listed any more. Of a look that had no ledger at hand:
   * all that is listed, as new.
   */
  readonly differing: readonly DifferingObject[];
  /** Whether a ledger was at hand. */
  readonly compared: boolean;
}

export interface DifferingObject {
  readonly uri: string;
  readonly change: 'new' | 'changed' | 'gone';
  /** What it touches: its key's period and the event time of the version that is in V; undefined: everything. */
  readonly period: Interval | undefined;
  readonly version: string | undefined;
  readonly sizeBytes: number;
  readonly mtimeMs: number | undefined;
}

/** Is told of every look at a source, before anything that was read is recorded. */
export type LookListener = (look: SourceLook) => Promise<void>;

/** A listing, and what it is to be compared with. */
export interface LookedAt {
  readonly pipeline: string;
  readonly staging: Staging;
  readonly listing: Listing;
  readonly within: Interval | undefined;
}

/**
 * Compares a listing with V: the versions that the ledger holds as live.
 * @param known live and staged versions of the staging
 * @param isLive whether the version that is listed is the live one
 */
export async function compareLook(
  { pipeline, staging, listing, within }: LookedAt,
  known: readonly KnownObject[],
  isLive: (listed: ListedObject, live: KnownObject) => boolean,
  warehouse: Pick<Warehouse, 'read'>,
): Promise<SourceLook> {
  const template = staging.template === undefined ? undefined : compileTemplate(staging.template);
  const live = new Map<string, KnownObject>();
  for (const k of known) if (k.state === 'live') live.set(k.uri, k);
  const changed: { readonly listed: ListedObject; readonly live: KnownObject }[] = [];
  const differing: DifferingObject[] = [];
  let there = 0;
  for (const listed of listing.objects) {
    const own = live.size === 0 ? undefined : live.get(listed.uri);
    if (own !== undefined) there++;
    if (own === undefined) differing.push(differingObject(listed, 'new', template?.match(listed.key)));
    else if (!isLive(listed, own)) changed.push({ listed, live: own });
  }
  const spans =
    changed.length === 0 || template === undefined
      ? new Map<number, Interval>()
      : await warehouse.read((s) =>
          eventSpans(
            s,
            changed.map((c) => c.live.object_id),
          ),
        );
  for (const { listed, live: old } of changed) {
    const period = template === undefined ? undefined : around(template.match(listed.key), spans.get(old.object_id));
    differing.push(differingObject(listed, 'changed', period));
  }
  const covers = reachOf(listing, template, within);
  if (there < live.size) {
    const listedUris = new Set(listing.objects.map((o) => o.uri));
    for (const { uri, version, size_bytes: sizeBytes } of live.values()) {
      if (listedUris.has(uri) || !covers(uri)) continue;
      differing.push(differingObject({ uri, version, sizeBytes }, 'gone', template?.match(keyOf(listing, uri))));
    }
  }
  const { root, listedAtMs, objects: listed } = listing;
  return { pipeline, staging: staging.name, root, listedAtMs, within, listed, covers, differing, compared: true };
}

/** A look by somebody who has no ledger at hand. */
export function looseLook({ pipeline, staging, listing, within }: LookedAt): SourceLook {
  const template = staging.template === undefined ? undefined : compileTemplate(staging.template);
  const differing = listing.objects.map((o) => differingObject(o, 'new', template?.match(o.key)));
  const covers = reachOf(listing, template, within);
  const { root, listedAtMs, objects: listed } = listing;
  return { pipeline, staging: staging.name, root, listedAtMs, within, listed, covers, differing, compared: false };
}

function differingObject(
  { uri, version, sizeBytes, mtimeMs }: Pick<ListedObject, 'uri' | 'version' | 'sizeBytes' | 'mtimeMs'>,
  change: DifferingObject['change'],
  period: Interval | undefined,
): DifferingObject {
  return {
    uri,
    change,
    period,
    version,
    sizeBytes,
    mtimeMs: mtimeMs === undefined ? undefined : Math.trunc(mtimeMs),
  };
}

function reachOf(
  listing: Listing,
  template: KeyTemplate | undefined,
  within: Interval | undefined,
): (uri: string) => boolean {
  return (uri) => {
    if (!uri.startsWith(listing.root)) return false;
    if (within === undefined || template === undefined) return true;
    const period = template.match(keyOf(listing, uri));
    return period !== undefined && overlaps(period, within);
  };
}

function keyOf({ root }: Listing, uri: string): string {
  return decodeURIComponent(uri.slice(root.length));
}

function around(a: Interval | undefined, b: Interval | undefined): Interval | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return { startMs: Math.min(a.startMs, b.startMs), endMs: Math.max(a.endMs, b.endMs) };
}

/** An object's name for people: the last part of its root, and its key. */
export function objectName(root: string, uri: string): string {
  const parts = root.split('/').filter(Boolean);
  const key = decodeURIComponent(uri.slice(root.length));
  return parts.length > 1 ? `${decodeURIComponent(parts.at(-1)!)}/${key}` : key;
}

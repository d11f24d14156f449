import { type KnownObject, knownObjects } from '../../ledger/objects.ts';
import { ledger, ledgerFormat } from '../../ledger/transaction.ts';
import type { Warehouse } from '../../warehouse/warehouse.ts';

/** Live and staged versions of a staging; none where there is no ledger yet. */
export async function knownVersions(
  warehouse: Pick<Warehouse, 'read'>,
  pipeline: string,
  staging: string,
): Promise<readonly KnownObject[]> {
  return warehouse.read(async (session) =>
    (await ledgerFormat(session)) === undefined ? [] : knownObjects(session, pipeline, staging),
  );
}

/** The stagings of which some version is live. */
export async function publishedStagings(
  warehouse: Pick<Warehouse, 'read'>,
  pipeline: string,
): Promise<readonly string[]> {
  const rows = await warehouse.read(async (session) =>
    (await ledgerFormat(session)) === undefined
      ? []
      : session.all<{ staging: string }>(
          `select distinct staging from ${ledger('objects')} where pipeline = $1 and state = 'live' order by staging`,
          [pipeline],
        ),
  );
  return rows.map((row) => row.staging);
}

/** Versions whose texts are put together in one answer. */
const AT_ONCE = 20_000;

/** A live version as the ledger has it: uri, version, size in bytes, time of change, time when it was last looked at. */
export type LiveVersion = readonly [
  uri: string,
  version: string,
  sizeBytes: number,
  mtimeMs: number | null,
  lookedAtMs: number,
];

/** The live versions of a staging that were looked at since, by uri: put together by the warehouse, for there may be very many. */
export async function liveVersions(
  warehouse: Pick<Warehouse, 'read'>,
  pipeline: string,
  staging: string,
  sinceMs: number,
): Promise<ReadonlyMap<string, LiveVersion>> {
  const text = (column: string): string => `'"' || replace(replace(${column}, '\\', '\\\\'), '"', '\\"') || '"'`;
  const number = (column: string): string => `coalesce(cast(${column} as varchar), 'null')`;
  const tuple = [text('uri'), text('version'), ...['size_bytes', 'mtime_ms', 'looked_at_ms'].map(number)];
  const rows = await warehouse.read((session) =>
    session.all<{ tuples: string }>(
      `select string_agg('[' || ${tuple.join(` || ',' || `)} || ']', ',') as tuples from ${ledger('objects')}
       where pipeline = $1 and staging = $2 and state = 'live' and looked_at_ms >= $3
       group by object_id - object_id % ${AT_ONCE}`,
      [pipeline, staging, sinceMs],
    ),
  );
  const found = new Map<string, LiveVersion>();
  for (const { tuples } of rows)
    for (const version of JSON.parse(`[${tuples}]`) as LiveVersion[]) found.set(version[0], version);
  return found;
}

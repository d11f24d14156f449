import { ident } from '../core/quoting.ts';
import type { StagingType, StarType } from '../pipeline/column.ts';
import type { SqlSession } from '../warehouse/session.ts';

/** Values that are grouped or compared at once: their hash table stays in the processor's cache. */
const PART_ROWS = 200_000;

/** Where values lie in no order each part reads all of them: many more of them are cut into larger parts, not into more. */
const MOST_PARTS = 100;

/** Of values that have no order every part is a scan of them all, so that its hash table may be larger. */
const HASHED_TIMES_MORE = 8;

/** How finely the range of the values is looked at before it is cut. */
const BUCKETS = 1024;

/** Of so many values a sample tells where to cut. */
const MANY_ROWS = 1_000_000;
const SAMPLE_SHARE = 10;

/** A condition on an expression; of several that come together every value but NULL meets exactly one. */
export type Part = (expression: string) => string;

const everything: readonly Part[] = [() => 'true'];

/** Parts that one statement goes over, side by side: a part alone has too few rows for all threads. */
const TOGETHER = 4;

/** SELECTs of the parts as fewer SELECTs. */
export function inGroups(selects: readonly string[]): readonly string[] {
  return Array.from({ length: Math.ceil(selects.length / TOGETHER) }, (_, i) =>
    selects.slice(i * TOGETHER, (i + 1) * TOGETHER).join(' union all '),
  );
}

export interface PartedColumn {
  readonly name: string;
  readonly type: StagingType | StarType;
}

/**
 * Cuts the values of a column into parts of like size, for the compute engine to group or compare part by part. Numbers
 * and timestamps are cut into ranges: where rows lie in their order, nearly or wholly, each part reads its own stretch.
 * @param rows SELECT that has the column
 * @param count of those rows, at most
 * @param partRows of one part, about
 */
export async function partsByValue(
  session: SqlSession,
  rows: string,
  column: PartedColumn,
  count: number,
  partRows: number = PART_ROWS,
): Promise<readonly Part[]> {
  if (count <= partRows) return everything;
  const size = { count, partRows: Math.max(partRows, Math.ceil(count / MOST_PARTS)) };
  return (await ranges(session, rows, column, size)) ?? hashed(() => 'true', count, size.partRows);
}

function hashed(within: Part, count: number, partRows: number): readonly Part[] {
  const parts = Math.ceil(count / (partRows * HASHED_TIMES_MORE));
  return parts <= 1
    ? [within]
    : Array.from({ length: parts }, (_, part) => (e: string) => `${within(e)} and hash(${e}) % ${parts} = ${part}`);
}

/** Numbers that are in the order of the values. */
const counted: Readonly<Partial<Record<PartedColumn['type'], (column: string) => string>>> = {
  bigint: (c) => c,
  integer: (c) => c,
  timestamp: (c) => `epoch_us(${c})`,
};

/** Ranges with at most about as many rows each; undefined when the column has no numbers to cut at. */
async function ranges(
  session: SqlSession,
  rows: string,
  { name, type }: PartedColumn,
  { count, partRows }: { readonly count: number; readonly partRows: number },
): Promise<readonly Part[] | undefined> {
  const toNumber = counted[type];
  if (toNumber === undefined) return undefined;
  const value = `v.${ident(name)}`;
  // Of the column as it is, the engine knows them without looking at each value.
  const [bounds] = await session.all<{ low: string | null; high: string | null }>(
    `select cast(${toNumber(`min(${value})`)} as varchar) as low, cast(${toNumber(`max(${value})`)} as varchar) as high from (${rows}) v`,
  );
  if (bounds === undefined || bounds.low === null || bounds.high === null) return everything;
  const [low, high] = [BigInt(bounds.low), BigInt(bounds.high)];
  const width = (high - low) / BigInt(BUCKETS) + 1n;
  if (high - low >= 2n ** 62n) return undefined;
  const times = count < MANY_ROWS ? 1 : SAMPLE_SHARE;
  const some = times === 1 ? rows : `select * from (${rows}) a using sample ${100 / times} percent (system, 1)`;
  const buckets = await session.all<{ bucket: number; n: number }>(
    `select (${toNumber(value)} - ${low}) // ${width} as bucket, count(*) * ${times} as n from (${some}) v where ${value} is not null group by bucket order by bucket`,
  );
  const literal = (bucket: number): string => {
    const value = low + BigInt(bucket) * width;
    return type === 'timestamp' ? `make_timestamp(${value})` : String(value);
  };
  const cuts: { readonly from: number | undefined; readonly rows: number }[] = [];
  let from: number | undefined;
  let filled = 0;
  for (const { bucket, n } of buckets) {
    if (filled > 0 && filled + n > partRows) {
      cuts.push({ from, rows: filled });
      from = bucket;
      filled = 0;
    }
    filled += n;
  }
  cuts.push({ from, rows: filled });
  return cuts.flatMap((cut, i) => {
    const to = cuts[i + 1]?.from;
    const range: Part = (e) =>
      [
        ...(cut.from === undefined ? [] : [`${e} >= ${literal(cut.from)}`]),
        ...(to === undefined ? [] : [`${e} < ${literal(to)}`]),
      ].join(' and ') || 'true';
    // Where most values lie in one place, that place is cut once more.
    return hashed(range, cut.rows, partRows);
  });
}

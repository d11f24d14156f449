import { ident } from '../core/quoting.ts';
import type { StagingType, StarType } from '../pipeline/column.ts';
import type { SqlSession } from '../warehouse/session.ts';

/** Values that are grouped or compared at once: their hash table stays in the processor's cache. */
const PART_ROWS = 500_000;

/** Of values without an order every part is a scan of them all, so that its hash table may be larger. */
const HASHED_TIMES_MORE = 4;

/** How finely the range of the values is looked at before it is cut. */
const BUCKETS = 1024;

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
 */
export async function partsByValue(
  session: SqlSession,
  rows: string,
  column: PartedColumn,
  count: number,
  partRows: number = PART_ROWS,
): Promise<readonly Part[]> {
  if (count <= partRows) return everything;
  return (await ranges(session, rows, column, partRows)) ?? hashed(() => 'true', count, partRows * HASHED_TIMES_MORE);
}

function hashed(within: Part, count: number, partRows: number): readonly Part[] {
  const parts = Math.ceil(count / partRows);
  return parts <= 1
    ? [within]
    : Array.from({ length: parts }, (_, part) => (e: string) => `${within(e)} and hash(${e}) % ${parts} = ${part}`);
}

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
  partRows: number,
): Promise<readonly Part[] | undefined> {
  const number = counted[type]?.(`v.${ident(name)}`);
  if (number === undefined) return undefined;
  const [bounds] = await session.all<{ low: string | null; high: string | null }>(
    `select cast(min(${number}) as varchar) as low, cast(max(${number}) as varchar) as high from (${rows}) v`,
  );
  if (bounds === undefined || bounds.low === null || bounds.high === null) return everything;
  const [low, high] = [BigInt(bounds.low), BigInt(bounds.high)];
  const width = (high - low) / BigInt(BUCKETS) + 1n;
  if (high - low >= 2n ** 62n) return undefined;
  const buckets = await session.all<{ bucket: number; n: number }>(
    `select (${number} - ${low}) // ${width} as bucket, count(*) as n from (${rows}) v where v.${ident(name)} is not null group by bucket order by bucket`,
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
    return hashed(range, cut.rows, partRows * HASHED_TIMES_MORE);
  });
}

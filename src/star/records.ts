import { ident, identList, literal, qualified } from '../core/quoting.ts';
import { LEDGER_SCHEMA } from '../ledger/schema.ts';
import type { Interval } from '../pipeline/interval.ts';
import type { Staging } from '../pipeline/tables.ts';
import type { SegmentReader } from '../segments/store.ts';
import type { SqlSession } from '../warehouse/session.ts';

const OBJECTS = qualified(LEDGER_SCHEMA, 'objects');
const SEGMENTS = qualified(LEDGER_SCHEMA, 'segments');

/** Some files of segments, what of them is meant, and how much that is at most. */
interface RecordPart {
  readonly paths: readonly string[];
  /** SELECT of (_path, _first, _end) when only some objects of the files are meant. */
  readonly ranges?: string;
  readonly within?: readonly Interval[];
}

/** Records of some objects, as SQL over their Parquet segments, which are at hand. Nothing is read until the SQL runs. */
export interface RecordSet {
  readonly staging: Staging;
  readonly parts: readonly RecordPart[];
  /** Upper bound of the number of records. */
  readonly atMost: number;
}

export interface RecordSource {
  readonly session: SqlSession;
  readonly segments: SegmentReader;
}

/**
 * The records of the objects that satisfy `objects` (a condition over `o`, the ledger's objects), limited to those with
 * event time in `within` where the staging has one.
 */
export async function recordSet(
  source: RecordSource,
  staging: Staging,
  objects: string,
  within: readonly Interval[],
): Promise<RecordSet> {
  const timed = staging.eventTime !== undefined;
  if (timed && within.length === 0) return { staging, parts: [], atMost: 0 };
  const overlap = timed
    ? `and (${within.map((i) => `(o.min_event_ms < ${i.endMs} and o.max_event_ms >= ${i.startMs})`).join(' or ')})`
    : '';
  const inside = timed
    ? within.map((i) => `(o.min_event_ms >= ${i.startMs} and o.max_event_ms < ${i.endMs})`).join(' or ')
    : 'true';
  const chosen = `o.staging = ${literal(staging.name)} and o.records_staged > 0 and (${objects}) ${overlap}`;
  const rows = await source.session.all<{
    segment_id: number;
    path: string;
    row_count: number;
    size_bytes: number;
    n: number;
    whole_time: boolean;
  }>(
    `select s.segment_id, s.path, s.row_count, s.size_bytes, c.n, c.whole_time
     from (select o.segment_id, sum(o.records_staged)::bigint as n, bool_and(${inside}) as whole_time from ${OBJECTS} o where ${chosen} group by o.segment_id) c
     join ${SEGMENTS} s on s.segment_id = c.segment_id order by s.segment_id`,
  );
  await source.segments.bring(rows.map((r) => ({ path: r.path, sizeBytes: r.size_bytes })));
  const directory = `${source.segments.directory}/`;
  const parts: RecordPart[] = [];
  for (const whole of [true, false]) {
    for (const wholeTime of [true, false]) {
      const files = rows.filter((r) => (r.n === r.row_count) === whole && r.whole_time === wholeTime);
      if (files.length === 0) continue;
      parts.push({
        paths: files.map((f) => directory + f.path),
        ...(whole
          ? {}
          : {
              ranges: `select ${literal(directory)} || s.path as _path, o.first_row as _first, o.first_row + o.records_staged as _end from ${OBJECTS} o join ${SEGMENTS} s on s.segment_id = o.segment_id where s.segment_id in (${files.map((f) => f.segment_id).join(', ')}) and ${chosen}`,
            }),
        ...(wholeTime ? {} : { within }),
      });
    }
  }
  return { staging, parts, atMost: rows.reduce((sum, r) => sum + r.n, 0) };
}

/** Several record sets of one staging as one. */
export function unite(...sets: readonly RecordSet[]): RecordSet {
  const first = sets[0]!;
  return {
    staging: first.staging,
    parts: sets.flatMap((s) => s.parts),
    atMost: sets.reduce((sum, s) => sum + s.atMost, 0),
  };
}

export function isEmpty(set: RecordSet): boolean {
  return set.parts.length === 0;
}

export interface RecordSql {
  /** @default all columns of the staging */
  readonly columns?: readonly string[];
  /** Adds `_f` (file) and `_r` (row of the file). @default false */
  readonly identity?: boolean;
  /** A condition over the columns (unqualified). */
  readonly where?: string;
  /** Only these files. */
  readonly files?: readonly string[];
}

/** A SELECT of the records, without parentheses. */
export function recordsSql(set: RecordSet, options: RecordSql = {}): string {
  const columns = options.columns ?? set.staging.columns.map((c) => c.name);
  const wanted =
    options.identity === true
      ? `${identList(columns, 'p')}, p.filename as _f, p.file_row_number as _r`
      : identList(columns, 'p');
  const selects = set.parts.flatMap((part) => {
    const paths = options.files === undefined ? part.paths : part.paths.filter((p) => options.files!.includes(p));
    if (paths.length === 0) return [];
    const needsPlace = part.ranges !== undefined || options.identity === true;
    const scan = `read_parquet([${paths.map(literal).join(', ')}]${needsPlace ? ', filename = true, file_row_number = true' : ''}) p`;
    const join =
      part.ranges === undefined
        ? ''
        : ` asof join (${part.ranges}) g on p.filename = g._path and p.file_row_number >= g._first`;
    const conditions = [
      ...(part.ranges === undefined ? [] : ['p.file_row_number < g._end']),
      ...(part.within === undefined ? [] : [timeCondition(`p.${ident(set.staging.eventTime!)}`, part.within)]),
      ...(options.where === undefined ? [] : [`(${options.where})`]),
    ];
    return [
      `select ${wanted} from ${scan}${join}${conditions.length === 0 ? '' : ` where ${conditions.join(' and ')}`}`,
    ];
  });
  if (selects.length > 0) return selects.join(' union all ');
  const none = columns.map((name) => {
    const type = set.staging.columns.find((c) => c.name === name)!.type;
    return `cast(null as ${parquetType[type]}) as ${ident(name)}`;
  });
  return `select ${[...none, ...(options.identity === true ? ['cast(null as varchar) as _f', 'cast(null as bigint) as _r'] : [])].join(', ')} where false`;
}

/** How segments hold the values of a staging. */
export const parquetType = { text: 'varchar', integer: 'bigint', double: 'double', boolean: 'boolean' } as const;

/** `column` (epoch milliseconds) lies in one of the half-open intervals. */
export function timeCondition(column: string, within: readonly Interval[]): string {
  return `(${within.map((i) => `(${column} >= ${i.startMs} and ${column} < ${i.endMs})`).join(' or ')})`;
}

/** Adds `_object`, `_row` (row within the object) and `_uri` to a relation that has `_f` and `_r`. */
export function withObjects(source: RecordSource, relation: string): string {
  return `select x.*, o.object_id as _object, x._r - o.first_row as _row, o.uri as _uri
    from (${relation}) x
    join ${SEGMENTS} s on ${literal(`${source.segments.directory}/`)} || s.path = x._f
    asof join (select segment_id, first_row, object_id, uri from ${OBJECTS} where records_staged > 0) o on o.segment_id = s.segment_id and x._r >= o.first_row`;
}

/** (_f, _r) for a relation of (_object, _row). */
export function placesOf(source: RecordSource, relation: string): string {
  return `select ${literal(`${source.segments.directory}/`)} || s.path as _f, o.first_row + x._row as _r
    from (${relation}) x join ${OBJECTS} o on o.object_id = x._object join ${SEGMENTS} s on s.segment_id = o.segment_id`;
}

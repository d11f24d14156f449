import { isSparkifyError } from '../core/errors.ts';
import { ident, identList, literal } from '../core/quoting.ts';
import { ledger } from '../ledger/transaction.ts';
import type { Staging } from '../pipeline/tables.ts';
import { isCorrection, readCorrection } from '../segments/corrections.ts';
import { withObjects } from '../star/records.ts';
import type { Standing } from '../star/standing.ts';
import type { Row, SqlValue } from '../warehouse/session.ts';
import { objectText, recordsAtLine } from './record-text.ts';

/** Reads the bytes of one object at a version; undefined when that version is gone. */
export type ReadVersion = (uri: string, version: string) => Promise<Uint8Array | undefined>;

/** A staged record, where it stands in its source, and its text there. */
export interface SourceRecord {
  readonly staging: string;
  readonly objectId: number;
  readonly uri: string;
  readonly version: string;
  /** Of the object version: live, staged, retired, abandoned. */
  readonly state: string;
  /** Row among the staged records of the object, from 0. */
  readonly row: number;
  /** Number of the record among all that were read from the object, from 0. */
  readonly ordinal: number;
  /** Physical line on which it begins, from 1. */
  readonly line: number;
  /** The text as it stands in the source; undefined when it could not be read again, see `note`. */
  readonly raw: string | undefined;
  /** The typed record. */
  readonly record: Row;
  readonly note?: string;
}

type Position = readonly [row: number, ordinal: number, line: number];

function placeOf(positions: readonly Position[], row: number): { readonly ordinal: number; readonly line: number } {
  const step = positions.filter((p) => p[0] <= row).at(-1) ?? ([0, 0, 1] as const);
  return { ordinal: step[1] + row - step[0], line: step[2] + row - step[0] };
}

interface Located extends Row {
  readonly _object: number;
  readonly _row: number;
}

/** Turns records (a SELECT of the staging's columns, `_f` and `_r`) into what a person sees of them, in the given order. */
export async function sourceRecords(
  standing: Standing,
  staging: Staging,
  records: string,
  order: string,
  limit: number,
  readVersion: ReadVersion,
): Promise<readonly SourceRecord[]> {
  const columns = staging.columns.map((c) => c.name);
  const located = await standing.session.all<Located>(
    `select ${identList(columns)}, _object, _row from (${withObjects(standing, records)}) r order by ${order} limit ${limit}`,
  );
  const traced: SourceRecord[] = [];
  for (const l of located) traced.push(await sourceRecord(standing, staging, l, readVersion));
  return traced;
}

async function sourceRecord(
  standing: Standing,
  staging: Staging,
  located: Located,
  readVersion: ReadVersion,
): Promise<SourceRecord> {
  const [object] = await standing.session.all<{
    uri: string;
    version: string;
    state: string;
    positions: string | null;
  }>(`select uri, version, state, positions from ${ledger('objects')} where object_id = $1`, [located._object]);
  const { uri, version, state } = object!;
  const positions = JSON.parse(object!.positions ?? '[]') as readonly Position[];
  const place = placeOf(positions, located._row);
  const record = Object.fromEntries(staging.columns.map((c) => [c.name, located[c.name] ?? null]));
  const about = { staging: staging.name, objectId: located._object, uri, version, state, row: located._row, ...place };
  const reading = isCorrection(uri) ? readCorrection(standing.segments, uri) : readVersion(uri, version);
  const bytes = await reading.catch((error: unknown) => {
    // A source out of reach is no reason to keep back what the segments tell.
    if (isSparkifyError(error) && /^(?:SOURCE|SEGMENTS)_/.test(error.code)) return error.message;
    throw error;
  });
  if (bytes === undefined || typeof bytes === 'string') {
    const why = bytes ?? 'This version of the object is gone from its source.';
    return { ...about, raw: undefined, record, note: `${why} Here is the record as it was read and typed.` };
  }
  const candidates = recordsAtLine(objectText(bytes), place.line);
  let nth = 0;
  while (nth < located._row && placeOf(positions, located._row - nth - 1).line === place.line) nth++;
  const raw = pick(staging, candidates, record, nth);
  if (raw !== undefined) return { ...about, raw, record };
  const note = `The object has no such record on line ${place.line} any more: here it is as it was read and typed.`;
  return { ...about, raw: undefined, record, note };
}

/** Of the records on one line, the one with the record's key; by its place where the key does not tell. */
function pick(staging: Staging, candidates: readonly string[], record: Row, nth: number): string | undefined {
  if (candidates.length <= 1) return candidates[0];
  const keys = staging.columns.filter((c) => staging.key.includes(c.name));
  const same = candidates.filter((text) => {
    const value = JSON.parse(text) as Record<string, SqlValue>;
    return keys.every((k) => String(value[k.field]) === String(record[k.name]));
  });
  return same.length === 1 ? same[0] : candidates[nth];
}

/** SELECT of one staged record, whatever the state of its version, with `_f` and `_r`. */
export function recordAt(standing: Standing, staging: Staging, path: string, fileRow: number): string {
  return `select ${identList(
    staging.columns.map((c) => c.name),
    'p',
  )}, p.filename as _f, p.file_row_number as _r from read_parquet([${literal(`${standing.segments.directory}/${path}`)}], filename = true, file_row_number = true) p where p.file_row_number = ${fileRow}`;
}

/** Equality of a record's columns with a record at hand, NULL equal to NULL. */
export function sameColumns(record: Row, columns: readonly string[], alias: string): string {
  return columns
    .map((c) => {
      const value = record[c] ?? null;
      if (value === null) return `${alias}.${ident(c)} is null`;
      return `${alias}.${ident(c)} = ${typeof value === 'string' ? literal(value) : String(value)}`;
    })
    .join(' and ');
}

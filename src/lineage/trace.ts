import { SparkifyError } from '../core/errors.ts';
import { identList, qualified } from '../core/quoting.ts';
import type { Calendar, Fact, SqlTable, Staging, StarTable } from '../pipeline/tables.ts';
import type { Standing } from '../star/standing.ts';
import type { Row } from '../warehouse/session.ts';
import { type KeyPart, keyCondition, parseKey } from './key.ts';
import type { ReadVersion } from './records.ts';
import { traceDimension, traceFact } from './trace-row.ts';
import { stagedKey, traceStaged } from './trace-staged.ts';
import type { TracedRecord } from './traced-record.ts';

export interface TraceOptions {
  readonly standing: Standing;
  /** Any table of the star, or a staging. */
  readonly table: string;
  /**
   * `139264`, `key=value,key2=value2`, or several values separated by commas, in the order of the key. For a staging:
   * `object,row` (ids of the ledger), or `column=value,…` of its own columns.
   */
  readonly key: string;
  readonly readVersion: ReadVersion;
  /** Records shown at most where many gave one row (a moment with several plays). @default 10 */
  readonly limit?: number;
}

export interface TraceReport {
  readonly table: string;
  readonly kind: (StarTable | Staging)['kind'];
  readonly key: Readonly<Record<string, string>>;
  /** The row as it is published; undefined for a staging, whose records speak for themselves. */
  readonly row: Row | undefined;
  readonly records: readonly TracedRecord[];
  /** For a person: how the row came about, and what could not be shown. */
  readonly notes: readonly string[];
}

/** Leads a row of any table back to the records it came from. @throws TRACE_UNKNOWN */
export async function trace(options: TraceOptions): Promise<TraceReport> {
  const { standing, table: name, key } = options;
  const limit = options.limit ?? 10;
  const { stagings, tables } = standing.pipeline;
  const staging = stagings.find((s) => s.name === name);
  if (staging !== undefined) {
    const parts = stagedKey(staging, key);
    const { records, notes } = await traceStaged(standing, staging, parts, limit, options.readVersion);
    return { table: name, kind: 'staging', key: keyObject(parts), row: undefined, records, notes };
  }
  const table = tables.find((t) => t.name === name);
  if (table === undefined) {
    const names = [...tables, ...stagings].map((t) => t.name);
    throw new SparkifyError('TRACE_UNKNOWN', {
      detail: `Pipeline ${standing.pipeline.name} has no table ${name}.`,
      fix: `Its tables are: ${names.join(', ')}`,
    });
  }
  const parts = parseKey(name, key, table.key);
  const row = await starRow(standing, table, parts, key);
  const report = await traceRow(standing, table, row, limit, options.readVersion);
  return { table: name, kind: table.kind, key: keyObject(parts), row, ...report };
}

function keyObject(parts: readonly KeyPart[]): Readonly<Record<string, string>> {
  return Object.fromEntries(parts.map((p) => [p.column, p.value]));
}

async function starRow(standing: Standing, table: StarTable, key: readonly KeyPart[], text: string): Promise<Row> {
  const columns = identList(table.columns.map((c) => c.name));
  const star = qualified(standing.schema, table.name);
  const [row] = await standing.session.all<Row>(
    `select ${columns} from ${star} s where ${keyCondition(table, key, 's')} limit 1`,
  );
  if (row !== undefined) return row;
  const [other] = await standing.session.all<Row>(`select ${identList(table.key)} from ${star} limit 1`);
  throw new SparkifyError('TRACE_UNKNOWN', {
    detail: `${table.name} has no row with the key ${text}.`,
    fix:
      other === undefined ? `${table.name} has no rows at all.` : `A key of it is, for example, ${exampleKey(other)}.`,
  });
}

function exampleKey(row: Row): string {
  return Object.values(row)
    .map((v) => {
      const text = v instanceof Date ? v.toISOString() : String(v);
      return text.includes(',') ? `"${text.replaceAll('"', '""')}"` : text;
    })
    .join(',');
}

type Traced = Pick<TraceReport, 'records' | 'notes'>;

async function traceRow(
  standing: Standing,
  table: StarTable,
  row: Row,
  limit: number,
  readVersion: ReadVersion,
): Promise<Traced> {
  switch (table.kind) {
    case 'fact':
      return traceFact(standing, table, row, limit, readVersion);
    case 'dimension':
      return traceDimension(standing, table, row, limit, readVersion);
    case 'calendar':
      return traceCalendar(standing, table, row, limit, readVersion);
    case 'sql':
      return traceSql(standing, table);
  }
}

/** A moment comes from the fact's rows at that moment. */
async function traceCalendar(
  standing: Standing,
  calendar: Calendar,
  row: Row,
  limit: number,
  readVersion: ReadVersion,
): Promise<Traced> {
  const fact: Fact = calendar.of;
  const key = calendar.key.map((k) => calendar.columns.find((c) => c.name === k)!);
  const moment = (row[key[0]!.name] as Date).getTime();
  const rows = await standing.session.all<Row>(
    `select ${identList(fact.columns.map((c) => c.name))} from ${qualified(standing.schema, fact.name)} s
     where ${keyCondition(fact, [{ column: calendar.column, value: String(moment) }], 's')} order by ${identList(fact.key)}`,
  );
  const records: TracedRecord[] = [];
  for (const r of rows.slice(0, limit)) {
    const one = await traceFact(standing, fact, r, limit, readVersion);
    records.push(
      ...one.records
        .filter((t) => t.role === 'winner')
        .map((t) => ({ ...t, gives: calendar.columns.map((c) => c.name) })),
    );
  }
  const many = rows.length === 1 ? 'one row' : `${rows.length} rows`;
  const notes = [`${many} of ${fact.name} began at that moment.`];
  if (rows.length > limit) notes.push(`Shown are the first ${limit}.`);
  return { records, notes };
}

async function traceSql(standing: Standing, table: SqlTable): Promise<Traced> {
  const sources = standing.pipeline.tables
    .map((t) => t.name)
    .filter((n) => n !== table.name && table.sql.toLowerCase().includes(n.toLowerCase()));
  const notes = [
    `${table.name} is computed by SQL over ${sources.join(', ')}: trace the rows of these tables.`,
    table.sql.trim(),
  ];
  return { records: [], notes };
}

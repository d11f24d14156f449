import { grouped } from '../core/grouped.ts';
import type { ResultBatch, ResultColumn, SqlValue } from '../warehouse/session.ts';
import type { TextSink } from './context.ts';
import { renderTable, type TableStyle } from './table.ts';
import { distinctColumns, rowCsv, rowJson, valueText } from './values.ts';

export type Format = 'table' | 'json' | 'csv' | 'ndjson';

/** Rows the table format shows; the other formats give everything. */
export const TABLE_ROWS = 1000;

const NUMERIC = /int|double|float|decimal|numeric|real|^oid$/;

/** Writes a streamed result; the number of rows it had. Only the table format leaves rows out, and it says so. */
export async function writeResult(
  batches: AsyncIterable<ResultBatch>,
  format: Format,
  sink: TextSink,
  style: TableStyle,
): Promise<number> {
  switch (format) {
    case 'json':
      return await writeJson(batches, sink);
    case 'ndjson':
      return await writeLines(batches, sink, '\n', () => undefined, rowJson);
    case 'csv':
      return await writeLines(batches, sink, '\r\n', (c) => rowCsv(names(c), c), rowCsv);
    case 'table':
      return await writeTable(batches, sink, style);
  }
}

function names(columns: readonly ResultColumn[]): readonly string[] {
  return columns.map((c) => c.name);
}

async function writeJson(batches: AsyncIterable<ResultBatch>, sink: TextSink): Promise<number> {
  let count = 0;
  let columns: readonly ResultColumn[] | undefined;
  for await (const batch of batches) {
    columns ??= distinctColumns(batch.columns);
    let text = '';
    for (const row of batch.rows) text += `${count++ === 0 ? '[' : ','}\n${rowJson(row, columns)}`;
    if (text !== '') await sink.write(text);
  }
  await sink.write(count === 0 ? '[]\n' : '\n]\n');
  return count;
}

async function writeLines(
  batches: AsyncIterable<ResultBatch>,
  sink: TextSink,
  lineEnd: string,
  header: (columns: readonly ResultColumn[]) => string | undefined,
  line: (row: readonly SqlValue[], columns: readonly ResultColumn[]) => string,
): Promise<number> {
  let count = 0;
  let columns: readonly ResultColumn[] | undefined;
  for await (const batch of batches) {
    let text = '';
    if (columns === undefined) {
      columns = distinctColumns(batch.columns);
      const first = header(columns);
      if (first !== undefined) text += first + lineEnd;
    }
    for (const row of batch.rows) text += line(row, columns) + lineEnd;
    count += batch.rows.length;
    if (text !== '') await sink.write(text);
  }
  return count;
}

async function writeTable(batches: AsyncIterable<ResultBatch>, sink: TextSink, style: TableStyle): Promise<number> {
  let count = 0;
  let columns: readonly ResultColumn[] = [];
  const rows: (string | null)[][] = [];
  for await (const batch of batches) {
    columns = batch.columns;
    for (const row of batch.rows) {
      if (rows.length === TABLE_ROWS) break;
      rows.push(row.map((value, i) => valueText(value, columns[i]!)));
    }
    count += batch.rows.length;
  }
  const lines = renderTable(
    columns.map((c) => ({ title: c.name, align: NUMERIC.test(c.type) ? 'right' : 'left' })),
    rows,
    style,
  );
  const footer =
    count > rows.length
      ? `showing ${grouped(rows.length)} of ${grouped(count)} rows; --json, --ndjson and --csv give all of them`
      : `${grouped(count)} ${count === 1 ? 'row' : 'rows'}`;
  await sink.write(`${[...lines, style.dim(footer)].join('\n')}\n`);
  return count;
}

/** Objects as one JSON array, one object a line. */
export async function writeJsonArray(sink: TextSink, items: Iterable<unknown> | AsyncIterable<unknown>): Promise<void> {
  let first = true;
  for await (const item of items) {
    await sink.write(`${first ? '[' : ','}\n${jsonText(item)}`);
    first = false;
  }
  await sink.write(first ? '[]\n' : '\n]\n');
}

/** JSON with 64-bit integers beyond the safe ones as strings and bytes in hexadecimal. */
export function jsonText(value: unknown, indent?: number): string {
  return JSON.stringify(
    value,
    (_key, v: unknown) => {
      if (typeof v === 'bigint') return v.toString();
      if (v instanceof Map) return Object.fromEntries(v);
      if (v instanceof Uint8Array) return `\\x${Buffer.from(v).toString('hex')}`;
      return v;
    },
    indent,
  );
}

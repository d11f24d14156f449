import { randomUUID } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { RecordColumns } from '../../src/ingest/columns/record-columns.ts';
import { assembleParquet } from '../../src/ingest/parquet/assemble.ts';
import type { RowGroup } from '../../src/ingest/parquet/format.ts';
import { RowGroupEncoder } from '../../src/ingest/parquet/row-group.ts';
import type { StagingType } from '../../src/pipeline/column.ts';
import type { Bench } from './ingest-files.ts';

export type Value = string | bigint | number | boolean | null;

/** Sets one value at the current row. */
export function setValue(columns: RecordColumns, index: number, value: Value): void {
  const column = columns.columns[index]!;
  const { kernel, row } = columns;
  if (value === null) {
    column.setNull(row);
    return;
  }
  switch (column.type) {
    case 'text': {
      const json = Buffer.from(JSON.stringify(value));
      if (json.length > kernel.capacity) kernel.resize(json.length, 0, 0);
      json.copy(kernel.syntax.bytes);
      if (column.take(0, row) !== json.length) throw new Error(`${json.subarray(0, 100)} is not taken`);
      break;
    }
    case 'boolean':
      column.set(row, value as boolean);
      break;
    case 'integer':
      column.set(row, value as bigint);
      break;
    case 'double':
      column.set(row, value as number);
  }
}

/** Writes rows as a Parquet file in row groups of `groupRows`, in two part files where there are two row groups; its path. */
export async function writeParquet(
  bench: Bench,
  types: readonly StagingType[],
  rows: Iterable<readonly Value[]>,
  groupRows: number,
): Promise<string> {
  const columns = new RecordColumns(types, groupRows);
  const encoder = new RowGroupEncoder();
  const groups: { group: RowGroup; bytes: Buffer }[] = [];
  const flush = () => {
    const { group, bytes } = encoder.encode(columns);
    groups.push({ group, bytes: Buffer.from(bytes) });
    columns.clear();
  };
  for (const row of rows) {
    for (const [i, value] of row.entries()) setValue(columns, i, value);
    if (columns.commit()) flush();
  }
  if (columns.row > 0) flush();
  const half = Math.ceil(groups.length / 2);
  const files = [groups.slice(0, half), groups.slice(half)].map((part, i) => {
    const path = join(bench.directory, `part-${i}`);
    writeFileSync(path, Buffer.concat(part.map((g) => g.bytes)));
    return { path, groups: part.map((g) => g.group) };
  });
  // The engine keeps what it read of a file by its name.
  const path = join(bench.directory, `${randomUUID()}.parquet`);
  await assembleParquet(
    path,
    types.map((type, i) => ({ name: `c${i}`, type })),
    files,
  );
  return path;
}

import { randomUUID } from 'node:crypto';
import { mkdir, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { SparkifyError } from '../../core/errors.ts';
import { ident, identList, literal, qualified } from '../../core/quoting.ts';
import type { DuckDatabase } from '../duckdb/database.ts';
import type { DuckSession } from '../duckdb/session.ts';
import type { TableRef } from '../warehouse.ts';
import type { PostgresSession } from './session.ts';

const READ_BYTES = 1024 * 1024;
const POLL_MS = 2;

/**
 * Loads the rows of a SELECT into a table: DuckDB writes them as CSV into a file, and COPY reads that file while it
 * grows, so both engines work at the same time and no row passes through JavaScript.
 * @returns the number of rows
 */
export async function load(
  compute: DuckDatabase,
  session: PostgresSession,
  table: TableRef,
  select: string,
  directory: string,
): Promise<number> {
  await mkdir(directory, { recursive: true });
  const path = join(directory, `load-${process.pid}-${randomUUID()}.csv`);
  const duck = await compute.connect();
  try {
    await (await open(path, 'wx')).close();
    const writer = new Writer(duck, await copyStatement(duck, table, select, path));
    const target = `${qualified(table.schema, table.name)} (${identList(table.columns)})`;
    try {
      const rows = await session.copyFrom(target, 'csv', follow(path, writer));
      if (rows !== writer.rows)
        throw new SparkifyError('INTERNAL', {
          detail: `${table.name}: ${writer.rows} rows were written, ${rows} loaded`,
        });
      return rows;
    } catch (error) {
      duck.interrupt();
      await writer.ended;
      throw error;
    }
  } finally {
    duck.close();
    await rm(path, { force: true });
  }
}

/** The COPY of DuckDB under way. */
class Writer {
  readonly ended: Promise<void>;
  state: 'writing' | 'done' | 'failed' = 'writing';
  rows = 0;
  error: unknown;

  constructor(duck: DuckSession, statement: string) {
    this.ended = duck.exec(statement).then(
      (rows) => {
        this.rows = rows;
        this.state = 'done';
      },
      (error: unknown) => {
        this.error = error;
        this.state = 'failed';
      },
    );
  }
}

/** The bytes of a file that only grows, until its writer has ended. */
async function* follow(path: string, writer: Writer): AsyncIterable<Uint8Array> {
  const file = await open(path, 'r');
  try {
    let spare = Buffer.allocUnsafeSlow(READ_BYTES);
    for (;;) {
      // Asked before reading: what was written before the end is then surely read.
      const { state } = writer;
      if (state === 'failed') throw writer.error;
      const { bytesRead } = await file.read({ buffer: spare });
      if (bytesRead > 0) {
        yield spare.subarray(0, bytesRead);
        // The driver may still hold what it was given.
        spare = Buffer.allocUnsafeSlow(READ_BYTES);
      } else if (state === 'done') return;
      else await Promise.race([delay(POLL_MS), writer.ended]);
    }
  } finally {
    await file.close();
  }
}

async function copyStatement(duck: DuckSession, table: TableRef, select: string, path: string): Promise<string> {
  const described = await duck.all<{ column_name: string; column_type: string }>(`describe ${select}`);
  if (described.length !== table.columns.length)
    throw new SparkifyError('INTERNAL', {
      detail: `${table.name}: ${described.length} columns for ${table.columns.length}`,
    });
  const columns = described.map(({ column_type: type }, i) => {
    const column = ident(`c${i}`);
    return type === 'BLOB' ? `'\\x' || lower(hex(${column})) as ${column}` : column;
  });
  const names = described.map((_, i) => ident(`c${i}`)).join(', ');
  // One text column alone could read `\.`, which ends the data unless it is quoted.
  const quoted = described.length === 1 && described[0]!.column_type === 'VARCHAR' ? ', force_quote *' : '';
  return `copy (select ${columns.join(', ')} from (${select}) as s(${names})) to ${literal(path)}
    (format csv, header false, use_tmp_file false${quoted})`;
}

import { ident, identList, literal, qualified } from '../core/quoting.ts';
import type { StarTable } from '../pipeline/tables.ts';
import type { StarContext } from '../star/context.ts';
import type { Delta } from '../star/delta.ts';
import { batchTable, nextTableName } from '../star/names.ts';
import type { SqlSession } from '../warehouse/session.ts';

/** Rows of a table that a batch brings and takes; what neither names was judged when it was published. */
export interface SubjectChange {
  /** SELECTs of the table's columns. */
  readonly added: string;
  readonly removed: string;
  readonly addedRows: number;
  readonly removedRows: number;
}

/** A table as a check sees it. */
export interface Subject {
  readonly table: StarTable;
  /** SELECT of its columns: the whole table, as it is or as it will be. */
  readonly whole: string;
  /** Undefined when all of it is to be judged. */
  readonly change: SubjectChange | undefined;
  /**
   * SELECT of the columns of the rows that neither come nor go and satisfy a condition over `s`. The table is large:
   * a correlated EXISTS in the condition would gather its distinct values first; IN does not.
   */
  staying(condition: string): string;
  /** Number of rows of `whole`. */
  rows(): Promise<number>;
}

async function countOf(session: SqlSession, relation: string): Promise<number> {
  const [row] = await session.all<{ n: number }>(`select count(*) as n from ${relation}`);
  return row!.n;
}

function columnsOf(table: StarTable, alias: string): string {
  return identList(
    table.columns.map((c) => c.name),
    alias,
  );
}

/** A table as it stands in a schema (under another name perhaps), to be judged as a whole. */
export function wholeSubject(session: SqlSession, schema: string, table: StarTable, name = table.name): Subject {
  const star = qualified(schema, name);
  return {
    table,
    whole: `select ${columnsOf(table, 's')} from ${star} s`,
    change: undefined,
    staying: (condition) => `select ${columnsOf(table, 's')} from ${star} s where ${condition}`,
    rows: () => countOf(session, star),
  };
}

/** A table as it will be after the batch; without a delta it stays as it is and nothing of it is new. */
export function batchSubject(context: StarContext, table: StarTable, delta: Delta | undefined): Subject {
  const { session, schema, pipeline } = context;
  if (delta?.mode === 'replace') return wholeSubject(session, schema, table, nextTableName(table.name));
  const star = qualified(schema, table.name);
  const addTable = batchTable(pipeline.name, 'add', table.name);
  const removeTable = batchTable(pipeline.name, 'remove', table.name);
  const addedRows = delta === undefined ? 0 : delta.added + delta.changed;
  const removedRows = delta === undefined ? 0 : delta.removed + delta.changed;
  const nothing = `select ${columnsOf(table, 's')} from ${star} s where false`;
  const added = addedRows === 0 ? nothing : `select ${columnsOf(table, 's')} from ${addTable} s`;
  const sameKey = table.key.map((k) => `x.${ident(k)} = s.${ident(k)}`).join(' and ');
  const stays = removedRows === 0 ? '' : ` anti join ${removeTable} x on ${sameKey}`;
  const staying = (condition: string): string =>
    `select ${columnsOf(table, 's')} from ${star} s${stays} where ${condition}`;
  return {
    table,
    whole: addedRows === 0 ? staying('true') : `${staying('true')} union all ${added}`,
    change: {
      added,
      removed: removedRows === 0 ? nothing : `select ${columnsOf(table, 's')} from ${removeTable} s`,
      addedRows,
      removedRows,
    },
    staying,
    rows: async () => (await countOf(session, star)) + addedRows - removedRows,
  };
}

/**
 * Literal bounds of a column among some rows, as a condition over `s`, so that a scan of a large table can skip most of
 * it; 'false' when there is no value.
 */
export async function boundsOf(
  session: SqlSession,
  subject: Subject,
  column: string,
  rows: string,
  of: string,
): Promise<string> {
  const { type } = subject.table.columns.find((c) => c.name === column)!;
  const [bounds] = await session.all<{ low: string | null; high: string | null }>(
    `select cast(min(v.${ident(of)}) as varchar) as low, cast(max(v.${ident(of)}) as varchar) as high from (${rows}) v`,
  );
  if (bounds === undefined || bounds.low === null || bounds.high === null) return 'false';
  if (type === 'double' || type === 'boolean') return 'true';
  const value = (v: string): string => {
    if (type === 'text') return literal(v);
    return type === 'timestamp' ? `timestamp ${literal(v)}` : v;
  };
  return `s.${ident(column)} between ${value(bounds.low)} and ${value(bounds.high)}`;
}

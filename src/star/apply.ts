import { SparkifyError } from '../core/errors.ts';
import type { Failpoints } from '../core/failpoints.ts';
import { ident, identList, literal, qualified } from '../core/quoting.ts';
import type { Interval } from '../pipeline/interval.ts';
import type { StarTable } from '../pipeline/tables.ts';
import { reshapeTable } from '../warehouse/reshape.ts';
import type { SqlSession } from '../warehouse/session.ts';
import type { Warehouse } from '../warehouse/warehouse.ts';
import type { StarContext } from './context.ts';
import type { Delta } from './delta.ts';
import { keyedAsStaging, winnerStateColumns } from './dimension.ts';
import {
  BATCH_SCHEMA,
  batchTable,
  losersTable,
  nextTableName,
  STATE_SCHEMA,
  standTable,
  winnersTable,
} from './names.ts';

/** Creates what the derivation needs in the compute engine. */
export async function ensureState(session: SqlSession, pipeline: string): Promise<void> {
  await session.exec(`create schema if not exists ${ident(BATCH_SCHEMA)}`);
  await session.exec(`create schema if not exists ${ident(STATE_SCHEMA)}`);
  await session.exec(
    `create table if not exists ${losersTable(pipeline)} (staging varchar, _object bigint, _row bigint)`,
  );
  await session.exec(
    `create table if not exists ${standTable} (pipeline varchar, epoch bigint, coverage varchar, definition varchar)`,
  );
}

export interface Stand {
  readonly epoch: number;
  readonly coverage: readonly Interval[];
  /** Hash of the definition they were derived under. */
  readonly definition: string;
}

/** What star and state in the compute engine stand for. */
export async function standOf(session: SqlSession, pipeline: string): Promise<Stand> {
  const rows = await session.all<{ epoch: number; coverage: string; definition: string }>(
    `select epoch, coverage, definition from ${standTable} where pipeline = $1`,
    [pipeline],
  );
  return rows[0] === undefined
    ? { epoch: 0, coverage: [], definition: '' }
    : { ...rows[0], coverage: JSON.parse(rows[0].coverage) as Interval[] };
}

async function run(failpoints: Failpoints, session: SqlSession, sql: string): Promise<number> {
  failpoints.hit('publish.statement');
  return session.exec(sql);
}

/** Merges the deltas into the star of the compute engine, within `session`'s transaction. */
export async function applyInCompute(
  context: StarContext,
  session: SqlSession,
  deltas: readonly Delta[],
  failpoints: Failpoints,
): Promise<void> {
  for (const table of context.pipeline.tables) {
    const delta = deltas.find((d) => d.table === table.name);
    if (delta === undefined || delta.mode === 'none') continue;
    const star = qualified(context.schema, table.name);
    if (delta.mode === 'replace') {
      await run(failpoints, session, `drop table if exists ${star}`);
      await run(
        failpoints,
        session,
        `alter table ${qualified(context.schema, nextTableName(table.name))} rename to ${ident(table.name)}`,
      );
      for (const c of table.columns.filter((column) => !column.nullable)) {
        await run(failpoints, session, `alter table ${star} alter column ${ident(c.name)} set not null`);
      }
      continue;
    }
    const remove = batchTable(context.pipeline.name, 'remove', table.name);
    if (delta.changed + delta.removed > 0) {
      const gone = await run(
        failpoints,
        session,
        `delete from ${star} using ${remove} r where ${table.key.map((k) => `${star}.${ident(k)} = r.${ident(k)}`).join(' and ')}`,
      );
      expectRows(table, delta, gone);
    }
    if (delta.changed + delta.added > 0) {
      const columns = identList(table.columns.map((c) => c.name));
      await run(
        failpoints,
        session,
        `insert into ${star} (${columns}) select ${columns} from ${batchTable(context.pipeline.name, 'add', table.name)}`,
      );
    }
  }
}

function expectRows(table: StarTable, delta: Delta, gone: number): void {
  const expected = delta.changed + delta.removed;
  if (gone !== expected)
    throw new SparkifyError('STAR_DIFFERS', {
      table: table.name,
      detail: `${expected} rows were to be replaced, ${gone} were found`,
    });
}

/**
 * Merges the deltas, shipped from the compute engine, into the star of another warehouse, within its transaction.
 * `reshaped` names the tables whose columns or key changed, which are created anew.
 */
export async function applyInWarehouse(
  context: StarContext,
  warehouse: Warehouse,
  schema: string,
  session: SqlSession,
  deltas: readonly Delta[],
  failpoints: Failpoints,
  reshaped: ReadonlySet<string>,
): Promise<void> {
  for (const table of context.pipeline.tables) {
    const delta = deltas.find((d) => d.table === table.name);
    if (delta === undefined || delta.mode === 'none') continue;
    const star = qualified(schema, table.name);
    const columns = table.columns.map((c) => c.name);
    if (delta.mode === 'replace') {
      // Not TRUNCATE: readers with an older snapshot would find the table empty.
      if (reshaped.has(table.name)) await reshapeTable(session, warehouse, schema, table);
      else await run(failpoints, session, `delete from ${star}`);
      failpoints.hit('publish.statement');
      await warehouse.load(
        session,
        { schema, name: table.name, columns },
        `select ${identList(columns)} from ${qualified(context.schema, nextTableName(table.name))}`,
      );
      continue;
    }
    if (delta.changed + delta.removed > 0) {
      const removal = `removal_${table.name}`;
      await run(
        failpoints,
        session,
        `create temporary table ${ident(removal)} on commit drop as select ${identList(table.key)} from ${star} where false`,
      );
      await warehouse.load(
        session,
        { schema: 'pg_temp', name: removal, columns: table.key },
        `select ${identList(table.key)} from ${batchTable(context.pipeline.name, 'remove', table.name)}`,
      );
      const gone = await run(
        failpoints,
        session,
        `delete from ${star} s using ${ident(removal)} r where ${table.key.map((k) => `s.${ident(k)} = r.${ident(k)}`).join(' and ')}`,
      );
      expectRows(table, delta, gone);
    }
    if (delta.changed + delta.added > 0) {
      failpoints.hit('publish.statement');
      await warehouse.load(
        session,
        { schema, name: table.name, columns },
        `select ${identList(columns)} from ${batchTable(context.pipeline.name, 'add', table.name)}`,
      );
    }
  }
}

/** Brings the state of the compute engine to the new star, within the transaction that brings the star there. */
export async function applyState(
  context: StarContext,
  session: SqlSession,
  deltas: readonly Delta[],
  stand: Stand,
): Promise<void> {
  const { pipeline } = context;
  const losers = losersTable(pipeline.name);
  if (context.rebuild) await session.exec(`delete from ${losers}`);
  for (const staging of pipeline.stagings) {
    const contenders = batchTable(pipeline.name, 'contenders', staging.name);
    const name = literal(staging.name);
    if (!context.rebuild) {
      await session.exec(
        `delete from ${losers} where staging = ${name} and (_object in (select object_id from ${batchTable(pipeline.name, 'out')})
           or exists (select 1 from ${contenders} c where c._object = ${losers}._object and c._row = ${losers}._row))`,
      );
    }
    await session.exec(
      `insert into ${losers} select ${name}, _object, _row from ${contenders} where _role <> 'out' and _new_rank > 1`,
    );
  }
  for (const table of pipeline.tables) {
    const delta = deltas.find((d) => d.table === table.name);
    if (table.kind !== 'dimension' || delta === undefined || delta.mode === 'none' || keyedAsStaging(table)) continue;
    const state = winnersTable(pipeline.name, table.name);
    const winners = batchTable(pipeline.name, 'winners', table.name);
    const columns = identList(winnerStateColumns(table));
    if (delta.mode === 'replace') {
      await session.exec(`create or replace table ${state} as select ${columns} from ${winners}`);
    } else {
      await session.exec(
        `delete from ${state} using ${winners} w where ${table.key.map((k) => `${state}.${ident(k)} = w.${ident(k)}`).join(' and ')}`,
      );
      await session.exec(
        `insert into ${state} (${columns}) select ${columns} from ${winners} where _object is not null`,
      );
    }
  }
  await session.exec(`delete from ${standTable} where pipeline = $1`, [pipeline.name]);
  await session.exec(`insert into ${standTable} (pipeline, epoch, coverage, definition) values ($1, $2, $3, $4)`, [
    pipeline.name,
    stand.epoch,
    JSON.stringify(stand.coverage),
    stand.definition,
  ]);
}

/** Drops whatever a batch left in the compute engine. */
export async function dropBatch(
  session: SqlSession,
  pipeline: string,
  schema: string,
  tables: readonly StarTable[],
): Promise<void> {
  const leftovers = await session.all<{ table_name: string }>(
    `select table_name from duckdb_tables() where database_name = current_database() and schema_name = '${BATCH_SCHEMA}' and starts_with(table_name, $1)`,
    [`${pipeline}:`],
  );
  const names = [
    ...leftovers.map((l) => qualified(BATCH_SCHEMA, l.table_name)),
    ...tables.map((t) => qualified(schema, nextTableName(t.name))),
  ];
  await session.exec(names.map((name) => `drop table if exists ${name}`).join('; '));
}

/** Opens the batch in the compute engine: what comes in and what goes, by object id. */
export async function beginBatch(
  session: SqlSession,
  pipeline: string,
  incoming: string,
  outgoing: string,
): Promise<void> {
  await session.exec('begin transaction');
  await session.exec(`create or replace table ${batchTable(pipeline, 'in')} as ${incoming}`);
  await session.exec(`create or replace table ${batchTable(pipeline, 'out')} as ${outgoing}`);
  await session.exec('commit');
}

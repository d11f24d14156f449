import { ident, identList } from '../core/quoting.ts';
import { CONTENT_HASH, type Dimension, type OrderBy } from '../pipeline/tables.ts';
import { contentHashSql } from './content-hash.ts';
import type { StarContext } from './context.ts';
import { type Delta, startsEmpty, writeMerge, writeNext } from './delta.ts';
import { starTypeSql } from './lookup.ts';
import { batchTable, winnersTable } from './names.ts';
import { withObjects } from './records.ts';
import { bringsNothing, comingSql, goingSql, inForceSql, orderTerms, type WinnerChange } from './winners.ts';

/** Is a record of the staging's key also the only record of the dimension's key? Then its winner needs no memory. */
export function keyedAsStaging(dimension: Dimension): boolean {
  const sourceKeys = dimension.key.map((k) =>
    dimension.columns
      .find((c) => c.name === k)!
      .sql.replace(/^r\./, '')
      .replaceAll('"', ''),
  );
  return sourceKeys.length === dimension.from.key.length && dimension.from.key.every((k) => sourceKeys.includes(k));
}

/**
 * Does the order name the whole key of the staging? Then no two records in force are alike in it, and their content, of
 * which every column would have to be read, decides nothing.
 */
function isTotal(dimension: Dimension): boolean {
  const named = dimension.winner.map((o) => o.sql.replace(/^r\./, '').replaceAll('"', ''));
  return dimension.from.key.every((k) => named.includes(k));
}

interface Shape {
  /** The winner's order without the content hash, which always comes last as `_hash`. */
  readonly orders: readonly OrderBy[];
  readonly orderColumns: readonly string[];
  readonly ordering: string;
  readonly keys: string;
  readonly columns: string;
}

function shapeOf(dimension: Dimension): Shape {
  const orders = dimension.winner.filter((o) => o.sql !== CONTENT_HASH);
  return {
    orders,
    orderColumns: orders.map((_, i) => ident(`o${i}`)),
    ordering: [...orderTerms(orders, (i) => ident(`o${i}`)), '_hash'].join(', '),
    keys: identList(dimension.key),
    columns: identList(dimension.columns.map((c) => c.name)),
  };
}

/**
 * The best record of every key among some records, as a SELECT of the star's columns, `o0 …`, `_hash`, `_f`, `_r`.
 * The first step of the order is settled by an aggregate: ranking everything takes several times as long.
 */
function bestSql(dimension: Dimension, shape: Shape, records: string): string {
  const columns = dimension.columns.map((c) => `cast(${c.sql} as ${starTypeSql[c.type]}) as ${ident(c.name)}`);
  const [first] = shape.orders;
  const keyColumns = dimension.key.map((k) => dimension.columns.find((c) => c.name === k)!);
  const keyList = keyColumns.map((c) => `cast(${c.sql} as ${starTypeSql[c.type]})`);
  const filtered = `(${records}) r${dimension.where === undefined ? '' : ` where ${dimension.where}`}`;
  const narrowed =
    first === undefined
      ? `select r.* from ${filtered}`
      : `select r.* from (select r.* from ${filtered}) r join (select ${keyList.map((k, i) => `${k} as k${i}`).join(', ')}, ${first.descending === true ? 'max' : 'min'}(${first.sql}) as best from ${filtered} group by all) b
         on ${keyList.map((k, i) => `${k} = b.k${i}`).join(' and ')} and (${first.sql}) is not distinct from b.best`;
  const orderColumns = shape.orders.map((o, i) => `${o.sql} as ${ident(`o${i}`)}`);
  return `select * exclude (_rank) from (
    select *, row_number() over (partition by ${shape.keys} order by ${shape.ordering}, _f, _r) as _rank
    from (select ${[...columns, ...orderColumns].join(', ')}, ${isTotal(dimension) ? "''" : contentHashSql(dimension.from, 'r')} as _hash, r._f, r._r from (${narrowed}) r)
  ) where _rank = 1`;
}

/** The delta of a dimension: one row per key, that of the winner over the records in force. */
export async function deriveDimension(
  context: StarContext,
  dimension: Dimension,
  changes: ReadonlyMap<string, WinnerChange>,
): Promise<Delta> {
  const change = changes.get(dimension.from.name)!;
  const columns = dimension.from.columns.map((c) => c.name);
  if (bringsNothing(change) && !(await startsEmpty(context, dimension)))
    return { table: dimension.name, mode: 'none', added: 0, changed: 0, removed: 0 };
  return keyedAsStaging(dimension)
    ? deriveKeyed(context, dimension, change, columns)
    : deriveWinners(context, dimension, change, columns);
}

async function deriveKeyed(
  context: StarContext,
  dimension: Dimension,
  change: WinnerChange,
  columns: readonly string[],
): Promise<Delta> {
  const select = (records: string) =>
    `select ${dimension.columns.map((c) => `cast(${c.sql} as ${starTypeSql[c.type]}) as ${ident(c.name)}`).join(', ')} from (${records}) r${dimension.where === undefined ? '' : ` where ${dimension.where}`}`;
  const rows = select(comingSql(change, columns));
  if (await startsEmpty(context, dimension)) return writeNext(context, dimension, rows);
  return writeMerge(
    context,
    dimension,
    rows,
    `select ${identList(dimension.key)} from (${select(goingSql(change, columns))})`,
  );
}

async function deriveWinners(
  context: StarContext,
  dimension: Dimension,
  change: WinnerChange,
  columns: readonly string[],
): Promise<Delta> {
  const { session, pipeline } = context;
  const shape = shapeOf(dimension);
  const { keys } = shape;
  const state = winnersTable(pipeline.name, dimension.name);
  const winners = batchTable(pipeline.name, 'winners', dimension.name);
  const withIdentity = { identity: true };
  await session.exec(
    `create or replace temp table candidates as ${bestSql(dimension, shape, comingSql(change, columns, withIdentity))}`,
  );
  const empty = await startsEmpty(context, dimension);

  if (empty) {
    await session.exec(`create or replace table ${winners} as ${withObjects(context, 'select * from candidates')}`);
    return writeNext(context, dimension, `select ${shape.columns} from candidates`);
  }

  // Winners of the old star whose record goes; where the new candidate is not at least as good, everything of that key is looked at again.
  await session.exec(
    `create or replace temp table gone as select w.* from ${state} w semi join (select _object, _row from (${withObjects(context, goingSql(change, dimension.from.key, withIdentity))})) g using (_object, _row)`,
  );
  const ranked = `select ${keys}, ${[...shape.orderColumns, '_hash'].join(', ')}`;
  await session.exec(
    `create or replace temp table again as select ${keys} from (
       select ${keys}, _who, row_number() over (partition by ${keys} order by ${shape.ordering}, _who) as _rank
       from (${ranked}, 1 as _who from candidates union all ${ranked}, 2 as _who from gone)
     ) where _rank = 1 and _who = 2`,
  );
  const [{ n } = { n: 0 }] = await session.all<{ n: number }>('select count(*) as n from again');
  if (n > 0) {
    const keyExpressions = dimension.key.map((k) => `${dimension.columns.find((c) => c.name === k)!.sql}`);
    const theirs = `select r.* from (select r.* from (${inForceSql(context, change, columns, withIdentity)}) r${dimension.where === undefined ? '' : ` where ${dimension.where}`}) r semi join again a on ${keyExpressions.map((e, i) => `${e} = a.${ident(dimension.key[i]!)}`).join(' and ')}`;
    await session.exec(`create or replace temp table recomputed as ${bestSql(dimension, shape, theirs)}`);
    await session.exec(
      `delete from candidates using again where ${dimension.key.map((k) => `candidates.${ident(k)} = again.${ident(k)}`).join(' and ')}`,
    );
    await session.exec('insert into candidates select * from recomputed');
  }
  // A candidate replaces a winner that stays only when it is better.
  const stays = `select w.* from ${state} w semi join candidates c using (${keys}) anti join gone g using (${keys})`;
  await session.exec(
    `create or replace temp table beaten as select ${keys} from (
       select ${keys}, _who, row_number() over (partition by ${keys} order by ${shape.ordering}, _who) as _rank
       from (${ranked}, 2 as _who from candidates union all ${ranked}, 1 as _who from (${stays}))
     ) where _rank = 1 and _who = 1`,
  );
  await session.exec(
    `create or replace table ${winners} as ${withObjects(context, `select c.* from candidates c anti join beaten b using (${keys})`)}`,
  );
  // Keys that lose their winner and get none: rows of `gone` without a candidate; they are kept with a NULL object.
  await session.exec(
    `insert into ${winners} (${keys}) select ${keys} from gone anti join candidates c using (${keys})`,
  );
  return writeMerge(
    context,
    dimension,
    `select ${shape.columns} from ${winners} where _object is not null`,
    `select ${keys} from ${winners}`,
  );
}

/** Columns of the state table of a dimension: its key, the order's values and where the winner stands. */
export function winnerStateColumns(dimension: Dimension): readonly string[] {
  return [...dimension.key, ...shapeOf(dimension).orders.map((_, i) => `o${i}`), '_hash', '_object', '_row'];
}

import { ident, identList, literal } from '../core/quoting.ts';
import type { StagingColumn } from '../pipeline/column.ts';
import { subtract } from '../pipeline/interval.ts';
import { CONTENT_HASH, type OrderBy, type Staging } from '../pipeline/tables.ts';
import { contentHashSql } from './content-hash.ts';
import { liveAt, type StarContext } from './context.ts';
import { batchTable, losersTable } from './names.ts';
import { inGroups, partsByValue } from './parts.ts';
import {
  isEmpty,
  parquetType,
  placesOf,
  type RecordSet,
  recordSet,
  recordsSql,
  unite,
  withObjects,
} from './records.ts';

/**
 * Which records of a staging come into force and which go, with this batch.
 *
 * Of the records of one key exactly one is in force. IN are the batch's new records and those that enter the coverage,
 * OUT those of retired objects, STAY the others of the old star. Keys with one record among them need no thought; the
 * records of the rest, the contenders, are ranked twice: as they were (OUT and STAY) and as they will be (IN and STAY).
 */
export interface WinnerChange {
  readonly staging: Staging;
  readonly incoming: RecordSet;
  readonly outgoing: RecordSet;
  readonly staying: RecordSet;
  readonly contenders: string;
  readonly hasContenders: boolean;
}

/** Each part opens every segment anew. */
const ROWS_OF_A_PART = 500_000;

/** No record of the staging comes into force or goes. */
export function bringsNothing(change: WinnerChange): boolean {
  return isEmpty(change.incoming) && isEmpty(change.outgoing) && !change.hasContenders;
}

/** `order by` terms of a total order, ending with the content hash (column `_hash`). */
export function orderTerms(order: readonly OrderBy[], column: (index: number) => string): readonly string[] {
  return order.map((o, i) => `${column(i)} ${o.descending === true ? 'desc' : 'asc'} nulls last`);
}

export async function winnerChange(context: StarContext, staging: Staging): Promise<WinnerChange> {
  const { session, pipeline } = context;
  const fresh = subtract(context.coverageNew, context.rebuild ? [] : context.coverageOld);
  const inTable = batchTable(pipeline.name, 'in');
  const outTable = batchTable(pipeline.name, 'out');
  const stays = `${liveAt(context)} and o.object_id not in (select object_id from ${outTable})`;
  const added = await recordSet(
    context,
    staging,
    `o.object_id in (select object_id from ${inTable})`,
    context.coverageNew,
  );
  const entered = staging.eventTime === undefined ? undefined : await recordSet(context, staging, stays, fresh);
  const incoming = entered === undefined ? added : unite(added, entered);
  const outgoing = context.rebuild
    ? { staging, parts: [], atMost: 0 }
    : await recordSet(context, staging, `o.object_id in (select object_id from ${outTable})`, context.coverageOld);
  const staying = await recordSet(context, staging, stays, context.rebuild ? [] : context.coverageOld);

  const contenders = batchTable(pipeline.name, 'contenders', staging.name);
  const made = await session.all<{ n: number }>(
    `select count(*) as n from duckdb_tables() where schema_name = 'sparkify_batch' and table_name = ${literal(`${pipeline.name}:contenders:${staging.name}`)}`,
  );
  if (made[0]!.n === 0) await rankContenders(context, { staging, incoming, outgoing, staying, contenders });
  const count = await session.all<{ n: number }>(`select count(*) as n from ${contenders}`);
  return { staging, incoming, outgoing, staying, contenders, hasContenders: count[0]!.n > 0 };
}

function columnOf(staging: Staging, name: string): StagingColumn {
  return staging.columns.find((c) => c.name === name)!;
}

async function rankContenders(context: StarContext, change: Omit<WinnerChange, 'hasContenders'>): Promise<void> {
  const { session } = context;
  const { staging, incoming, outgoing, staying, contenders } = change;
  const keys = identList(staging.key);
  const columns = identList(staging.columns.map((c) => c.name));
  const keysOnly = { columns: staging.key };
  let doubled: readonly string[];
  let stayHits = '';
  if (isEmpty(incoming) && isEmpty(outgoing)) {
    doubled = [`select ${keys} from (${recordsSql({ staging, parts: [], atMost: 0 }, keysOnly)})`];
  } else if (isEmpty(staying) && isEmpty(outgoing)) {
    const [first] = staging.key;
    const rows = recordsSql(incoming, keysOnly);
    const parts = await partsByValue(session, rows, columnOf(staging, first!), incoming.atMost, ROWS_OF_A_PART);
    doubled = inGroups(
      parts.map(
        (part) => `select ${keys} from (${rows}) where ${part(ident(first!))} group by ${keys} having count(*) > 1`,
      ),
    );
  } else {
    await session.exec(
      `create or replace temp table touched as ${[incoming, outgoing]
        .filter((s) => !isEmpty(s))
        .map((s) => recordsSql(s, keysOnly))
        .join(' union all ')}`,
    );
    // Literal bounds let the scan skip row groups by their statistics; a semi join alone would read every key.
    const first = columnOf(staging, staging.key[0]!);
    const [bounds] = await session.all<{ low: string | number | null; high: string | number | null }>(
      `select min(${ident(first.name)}) as low, max(${ident(first.name)}) as high from touched`,
    );
    const value = (v: string | number) => (typeof v === 'string' ? literal(v) : String(v));
    const between =
      bounds?.low === null || bounds === undefined
        ? 'false'
        : `${ident(first.name)} between ${value(bounds.low!)} and ${value(bounds.high!)}`;
    await session.exec(
      `create or replace temp table stay_hits as select * from (${recordsSql(staying, { ...keysOnly, identity: true, where: between })}) s semi join touched t using (${keys})`,
    );
    stayHits = 'stay_hits';
    doubled = [
      `select ${keys} from (select ${keys} from touched union all select ${keys} from stay_hits) group by ${keys} having count(*) > 1`,
    ];
  }
  for (const [i, part] of doubled.entries())
    await session.exec(i === 0 ? `create or replace temp table doubled as ${part}` : `insert into doubled ${part}`);
  const [{ n } = { n: 0 }] = await session.all<{ n: number }>('select count(*) as n from doubled');
  const full = (set: RecordSet, role: string, files?: readonly string[]) =>
    `select ${literal(role)} as _role, * from (${recordsSql(set, { identity: true, ...(files === undefined ? {} : { files }) })}) x semi join doubled using (${keys})`;
  if (n === 0) {
    const types = staging.columns.map((c) => `${ident(c.name)} ${parquetType[c.type]}`);
    await session.exec(
      `create or replace table ${contenders} (${types.join(', ')}, _role varchar, _f varchar, _r bigint, _object bigint, _row bigint, _uri varchar, _hash varchar, _new_rank bigint, _old_rank bigint)`,
    );
    return;
  }
  const stayFiles =
    stayHits === '' ? [] : (await session.all<{ _f: string }>('select distinct _f from stay_hits')).map((r) => r._f);
  const sources = [
    ...(isEmpty(incoming) ? [] : [full(incoming, 'in')]),
    ...(isEmpty(outgoing) ? [] : [full(outgoing, 'out')]),
    ...(stayFiles.length === 0 ? [] : [full(staying, 'stay', stayFiles)]),
  ];
  const pool = sources.join(' union all ');
  const orders = [...staging.winner.filter((o) => o.sql !== CONTENT_HASH)];
  const ordering = [...orderTerms(orders, (i) => `r.${ident(`o${i}`)}`), 'r._hash', 'r._uri', 'r._row'].join(', ');
  const rank = (roles: string) =>
    `case when r._role in (${roles}) then row_number() over (partition by ${identList(staging.key, 'r')}, r._role in (${roles}) order by ${ordering}) end`;
  const orderColumns = orders.map((o, i) => `${o.sql} as ${ident(`o${i}`)}`);
  await session.exec(
    `create or replace table ${contenders} as
     select ${columns}, _role, _f, _r, _object, _row, _uri, _hash, ${rank("'in', 'stay'")} as _new_rank, ${rank("'out', 'stay'")} as _old_rank
     from (select r.*, ${[...orderColumns, `${contentHashSql(staging, 'r')} as _hash`].join(', ')} from (${withObjects(context, pool)}) r) r`,
  );
}

/** V⁺ as a SELECT: the records that come into force. */
export function comingSql(
  change: WinnerChange,
  columns: readonly string[],
  options: { identity?: boolean; where?: string } = {},
): string {
  return changeSql(
    change,
    change.incoming,
    "_role = 'in' and _new_rank > 1",
    "_role = 'stay' and _new_rank = 1 and _old_rank > 1",
    columns,
    options,
  );
}

/** V⁻ as a SELECT: the records that are no longer in force. */
export function goingSql(
  change: WinnerChange,
  columns: readonly string[],
  options: { identity?: boolean; where?: string } = {},
): string {
  return changeSql(
    change,
    change.outgoing,
    "_role = 'out' and _old_rank > 1",
    "_role = 'stay' and _old_rank = 1 and _new_rank > 1",
    columns,
    options,
  );
}

function changeSql(
  change: WinnerChange,
  set: RecordSet,
  not: string,
  also: string,
  columns: readonly string[],
  options: { identity?: boolean; where?: string },
): string {
  if (!change.hasContenders) return recordsSql(set, { columns, ...options });
  const identity = options.identity === true ? ', _f, _r' : '';
  const extra = options.where === undefined ? '' : ` and (${options.where})`;
  return `select ${identList(columns)}${identity} from (${recordsSql(set, { columns, ...options, identity: true })}) v
    anti join (select _f, _r from ${change.contenders} where ${not}) l using (_f, _r)
    union all select ${identList(columns)}${identity} from ${change.contenders} where ${also}${extra}`;
}

/** All records in force after this batch, as a SELECT; `onlyStaying` leaves out what comes with it. */
export function inForceSql(
  context: StarContext,
  change: WinnerChange,
  columns: readonly string[],
  options: { identity?: boolean; where?: string; onlyStaying?: boolean; files?: readonly string[] } = {},
): string {
  const { onlyStaying, ...rest } = options;
  const set = onlyStaying === true ? change.staying : unite(change.incoming, change.staying);
  const old = `select _object, _row from ${losersTable(context.pipeline.name)} where staging = ${literal(change.staging.name)}`;
  const oldLosers = context.rebuild
    ? 'select _f, _r from (select null::varchar as _f, null::bigint as _r) where false'
    : placesOf(context, old);
  // Old losers that were ranked again are judged by their new rank only.
  const losers = `select _f, _r from (${oldLosers}) o anti join (select _f, _r from ${change.contenders}) c using (_f, _r)
    union all select _f, _r from ${change.contenders} where _role <> 'out' and _new_rank > 1`;
  const identity = options.identity === true ? ', _f, _r' : '';
  return `select ${identList(columns)}${identity} from (${recordsSql(set, { columns, ...rest, identity: true })}) w anti join (${losers}) l using (_f, _r)`;
}

import { ident, identList } from '../core/quoting.ts';
import type { Fact } from '../pipeline/tables.ts';
import type { StarContext } from './context.ts';
import { type Delta, startsEmpty, writeMerge, writeNext } from './delta.ts';
import { changedPairs, factRowsSql, resolveLookups } from './lookup.ts';
import { comingSql, goingSql, inForceSql, type WinnerChange } from './winners.ts';

/** Above this many records a batch is streamed from the segments again rather than held in a temporary table. */
const HELD_RECORDS = 500_000;

/** The delta of a fact: one row per record in force that passes its filter. */
export async function deriveFact(
  context: StarContext,
  fact: Fact,
  changes: ReadonlyMap<string, WinnerChange>,
): Promise<Delta> {
  const { session } = context;
  const change = changes.get(fact.from.name)!;
  const columns = fact.from.columns.map((c) => c.name);
  const filtered = (records: string) =>
    fact.where === undefined ? records : `select * from (${records}) r where ${fact.where}`;
  const empty = await startsEmpty(context, fact);

  let records = filtered(comingSql(change, columns));
  if (!empty) {
    const affected = await affectedByLookups(context, fact, change, changes);
    if (affected !== undefined) records = `select distinct * from (${records} union all ${affected})`;
  }
  const few = change.incoming.atMost <= HELD_RECORDS;
  if (few) {
    await session.exec(`create or replace temp table fact_records as ${records}`);
    records = 'select * from fact_records';
  }
  const lookups = await resolveLookups(context, fact, changes, records, few);
  const rows = factRowsSql(fact, lookups, records);
  if (empty) return writeNext(context, fact, rows);

  // The rows that go are found by their keys, which never need a lookup.
  const keyColumns = fact.columns.filter((c) => fact.key.includes(c.name));
  const going = filtered(goingSql(change, columns));
  const touched = `select ${fact.key.map((k) => `${keyColumns.find((c) => c.name === k)!.sql} as ${ident(k)}`).join(', ')} from (${going}) r`;
  return writeMerge(context, fact, rows, touched);
}

/** Records in force that this batch does not bring, but whose lookup it changes. */
async function affectedByLookups(
  context: StarContext,
  fact: Fact,
  change: WinnerChange,
  changes: ReadonlyMap<string, WinnerChange>,
): Promise<string | undefined> {
  const { session } = context;
  const columns = fact.from.columns.map((c) => c.name);
  let found = false;
  for (const lookup of fact.lookups) {
    const pairs = await changedPairs(context, lookup, changes.get(lookup.from.name)!);
    if (pairs === undefined) continue;
    // First which, by the few columns of the lookup; then the whole records, from the files that have some.
    const own = Object.values(lookup.on);
    const which = inForceSql(context, change, own, { identity: true, onlyStaying: true });
    const select = `select _f, _r from (${which}) w semi join (${pairs}) p using (${identList(own)})`;
    await session.exec(found ? `insert into affected ${select}` : `create or replace temp table affected as ${select}`);
    found = true;
  }
  if (!found) return undefined;
  const files = (await session.all<{ _f: string }>('select distinct _f from affected')).map((r) => r._f);
  if (files.length === 0) return undefined;
  const whole = inForceSql(context, change, columns, { identity: true, onlyStaying: true, files });
  const list = identList(columns);
  return fact.where === undefined
    ? `select ${list} from (${whole}) r semi join affected a using (_f, _r)`
    : `select ${list} from (select r.* from (${whole}) r semi join affected a using (_f, _r)) r where ${fact.where}`;
}

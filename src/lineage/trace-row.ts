import { ident } from '../core/quoting.ts';
import { CONTENT_HASH, type Dimension, type Fact, type Lookup, type OrderBy } from '../pipeline/tables.ts';
import { contentHashSql } from '../star/content-hash.ts';
import { starTypeSql, usedColumns } from '../star/lookup.ts';
import { recordsSql } from '../star/records.ts';
import { inForceNowSql, type Standing, standingLosers, standingRecords } from '../star/standing.ts';
import { orderTerms } from '../star/winners.ts';
import type { Row, SqlValue } from '../warehouse/session.ts';
import { type ReadVersion, type SourceRecord, sameColumns, sourceRecords } from './records.ts';
import type { TracedRecord } from './traced-record.ts';

interface Traced {
  readonly records: readonly TracedRecord[];
  readonly notes: readonly string[];
}

function sqlValue(value: SqlValue): string {
  if (value instanceof Date) return `make_timestamp(${value.getTime()}000)`;
  return typeof value === 'string' ? `'${value.replaceAll("'", "''")}'` : String(value);
}

/** Condition over `r`: the record's row would have the key of `row`. */
function hasKeyOf(table: Fact | Dimension, row: Row): string {
  return table.key
    .map((k) => {
      const column = table.columns.find((c) => c.name === k)!;
      return `cast(${column.sql} as ${starTypeSql[column.type]}) = ${sqlValue(row[k] ?? null)}`;
    })
    .join(' and ');
}

function inForceLike(table: Fact | Dimension, row: Row, inForce: string): string {
  const where = table.where === undefined ? '' : `(${table.where}) and `;
  return `select r.* from (${inForce}) r where ${where}${hasKeyOf(table, row)}`;
}

function ordering(order: readonly OrderBy[], hash: string): string {
  const own = order.filter((o) => o.sql !== CONTENT_HASH);
  return [...orderTerms(own, (i) => `(${own[i]!.sql})`), hash, 'r._uri', 'r._row'].join(', ');
}

/** A fact's row: the winning record, those it won against, and what each lookup found. */
export async function traceFact(
  standing: Standing,
  fact: Fact,
  row: Row,
  limit: number,
  readVersion: ReadVersion,
): Promise<Traced> {
  const staging = fact.from;
  const set = await standingRecords(standing, staging);
  const columns = staging.columns.map((c) => c.name);
  const own = inForceLike(fact, row, inForceNowSql(standing, set, columns));
  const [winner] = await sourceRecords(standing, staging, own, 'r._uri, r._row', 1, readVersion);
  if (winner === undefined) return { records: [], notes: [orphaned(fact.name)] };

  const lookedUp = fact.lookups.map((l) => ({ lookup: l, columns: columnsNaming(fact, l) }));
  const gives = fact.columns.map((c) => c.name).filter((n) => !lookedUp.some((l) => l.columns.includes(n)));
  const records: TracedRecord[] = [{ ...winner, role: 'winner', gives }];
  records.push(...(await duplicatesOf(standing, fact.from, winner, limit, readVersion)));
  const notes: string[] = [];
  for (const { lookup, columns: given } of lookedUp) {
    const { found, candidates } = await traceLookup(standing, fact, lookup, winner, readVersion);
    if (found !== undefined) records.push({ ...found, role: 'lookup', lookup: lookup.name, gives: given });
    notes.push(lookupNote(lookup, candidates));
  }
  return { records, notes };
}

function lookupNote(lookup: Lookup, candidates: number): string {
  const on = Object.entries(lookup.on)
    .map(([theirs, ours]) => `${theirs} = ${ours}`)
    .join(' and ');
  if (candidates === 0) return `No record of ${lookup.from.name} has ${on}.`;
  if (candidates === 1) return `One record of ${lookup.from.name} has ${on}.`;
  return `${candidates} records of ${lookup.from.name} have ${on}; the first by ${lookup.orderBy.map((o) => o.sql).join(', ')} was taken.`;
}

function orphaned(table: string): string {
  return `No record in force gives this row: something else wrote to ${table}. Rebuild the star: run --rebuild.`;
}

function columnsNaming(fact: Fact, lookup: Lookup): readonly string[] {
  const pattern = new RegExp(`(?<![\\w".])"?${lookup.name}"?\\.`);
  return fact.columns.filter((c) => pattern.test(c.sql)).map((c) => c.name);
}

/** The records in force that lost to this one. */
async function duplicatesOf(
  standing: Standing,
  staging: Fact['from'],
  winner: SourceRecord,
  limit: number,
  readVersion: ReadVersion,
): Promise<readonly TracedRecord[]> {
  const set = await standingRecords(standing, staging);
  const same = sameColumns(winner.record, staging.key, 'r');
  const lost = `select r.* from (${recordsSql(set, { identity: true })}) r semi join (${standingLosers(standing, staging)}) l using (_f, _r) where ${same}`;
  const order = ordering(staging.winner, contentHashSql(staging, 'r'));
  const records = await sourceRecords(standing, staging, lost, order, limit, readVersion);
  return records.map((r) => ({ ...r, role: 'duplicate', gives: [] }));
}

async function traceLookup(
  standing: Standing,
  fact: Fact,
  lookup: Lookup,
  winner: SourceRecord,
  readVersion: ReadVersion,
): Promise<{ readonly found: SourceRecord | undefined; readonly candidates: number }> {
  const { session } = standing;
  const set = await standingRecords(standing, lookup.from);
  const theirs = inForceNowSql(
    standing,
    set,
    lookup.from.columns.map((c) => c.name),
  );
  const record = fact.from.columns
    .map((c) => {
      const value = winner.record[c.name] ?? null;
      return `cast(${sqlValue(value)} as ${stagingTypeSql[c.type]}) as ${ident(c.name)}`;
    })
    .join(', ');
  const alias = ident(lookup.name);
  const on = Object.entries(lookup.on).map(([a, b]) => `${alias}.${ident(a)} = r.${ident(b)}`);
  const where = [...on, ...(lookup.where === undefined ? [] : [`(${lookup.where})`])].join(' and ');
  const from = `from (${theirs}) ${alias}, (select ${record}) r where ${where}`;
  const [count] = await session.all<{ n: number }>(`select count(*) as n ${from}`);
  if (count!.n === 0) return { found: undefined, candidates: 0 };
  // The same order as the derivation's, to its last step.
  const needed = [...new Set([...Object.keys(lookup.on), ...usedColumns(fact, lookup)])];
  const order = [
    ...orderTerms(lookup.orderBy, (i) => `(${lookup.orderBy[i]!.sql})`),
    ...needed.map((c) => `${alias}.${ident(c)} nulls last`),
  ].join(', ');
  const first = `select ${alias}.* ${from} order by ${order} limit 1`;
  const [found] = await sourceRecords(standing, lookup.from, first, 'r._uri', 1, readVersion);
  return { found, candidates: count!.n };
}

const stagingTypeSql = { text: 'varchar', integer: 'bigint', double: 'double', boolean: 'boolean' } as const;

/** Orders name the record `r`; a reader needs only its columns. */
function withoutAlias(sql: string): string {
  return sql.replace(/\br\.(?=[a-z_"])/gi, '');
}

/** A dimension's row: all its values come from one record, the winner among those of its key. */
export async function traceDimension(
  standing: Standing,
  dimension: Dimension,
  row: Row,
  limit: number,
  readVersion: ReadVersion,
): Promise<Traced> {
  const staging = dimension.from;
  const set = await standingRecords(standing, staging);
  const columns = staging.columns.map((c) => c.name);
  const own = inForceLike(dimension, row, inForceNowSql(standing, set, columns));
  const order = ordering(dimension.winner, contentHashSql(staging, 'r'));
  const [winner] = await sourceRecords(standing, staging, own, order, 1, readVersion);
  if (winner === undefined) return { records: [], notes: [orphaned(dimension.name)] };
  const [count] = await standing.session.all<{ n: number }>(`select count(*) as n from (${own}) r`);
  const by = dimension.winner
    .map((o) => `${withoutAlias(o.sql)}${o.descending === true ? ' descending' : ''}`)
    .join(', ');
  const notes = [
    count!.n === 1
      ? `It is the only record in force with this ${dimension.key.join(', ')}.`
      : `It won among ${count!.n} records in force with this ${dimension.key.join(', ')}${by === '' ? '' : `, by ${by}`}; all values come from it.`,
  ];
  const records: TracedRecord[] = [{ ...winner, role: 'winner', gives: dimension.columns.map((c) => c.name) }];
  records.push(...(await duplicatesOf(standing, staging, winner, limit, readVersion)));
  return { records, notes };
}

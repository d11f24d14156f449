import { ident, identList } from '../core/quoting.ts';
import type { Fact, Lookup } from '../pipeline/tables.ts';
import type { StarContext } from './context.ts';
import { comingSql, goingSql, inForceSql, orderTerms, type WinnerChange } from './winners.ts';

/**
 * A lookup is answered from two small tables: `single` has the match of every pair (the values of `on`) with one
 * candidate, `several` the match of each record whose pair has more, keyed by the record's key. One scan of the records
 * then serves all lookups, without a window over them.
 */
export interface ResolvedLookup {
  readonly lookup: Lookup;
  readonly single: string;
  readonly several: string | undefined;
  /** Candidate columns that the fact uses. */
  readonly columns: readonly string[];
}

/** `song.duration` → the column that carries it, where `song` is the lookup's name. */
function replaceAlias(sql: string, lookup: Lookup, column: (name: string) => string): string {
  const pattern = new RegExp(`(?<![\\w".])"?${lookup.name}"?\\.(?:"([^"]+)"|(\\w+))`, 'g');
  return sql.replace(pattern, (_all, quoted: string | undefined, bare: string | undefined) => column(quoted ?? bare!));
}

/** Candidate columns that an expression names as `lookup.column`. */
export function usedColumns(fact: Fact, lookup: Lookup): readonly string[] {
  const used = new Set<string>();
  for (const sql of [...fact.columns.map((c) => c.sql), lookup.where ?? '', ...lookup.orderBy.map((o) => o.sql)]) {
    replaceAlias(sql, lookup, (name) => {
      used.add(name);
      return name;
    });
  }
  return lookup.from.columns.map((c) => c.name).filter((n) => used.has(n));
}

/**
 * Prepares the lookups of a fact for some records.
 * @param records a SELECT of all columns of the fact's staging
 * @param few whether the records are few enough to look only at their own pairs
 */
export async function resolveLookups(
  context: StarContext,
  fact: Fact,
  changes: ReadonlyMap<string, WinnerChange>,
  records: string,
  few: boolean,
): Promise<readonly ResolvedLookup[]> {
  const { session } = context;
  const resolved: ResolvedLookup[] = [];
  for (const lookup of fact.lookups) {
    const columns = usedColumns(fact, lookup);
    const on = Object.keys(lookup.on);
    const own = Object.values(lookup.on);
    const needed = [...new Set([...on, ...columns])];
    const name = `${fact.name}:${lookup.name}`;
    const candidates = ident(`candidates:${name}`);
    const single = ident(`single:${name}`);
    const several = ident(`several:${name}`);
    const onlyTheirs = few
      ? `semi join (select distinct ${own.map((c, i) => `${ident(c)} as ${ident(on[i]!)}`).join(', ')} from (${records})) w using (${identList(on)})`
      : '';
    await session.exec(
      `create or replace temp table ${candidates} as select * from (${inForceSql(context, changes.get(lookup.from.name)!, needed)}) c ${onlyTheirs}`,
    );
    const pairs = `select ${identList(on)} from ${candidates} group by ${identList(on)} having count(*)`;
    await session.exec(
      `create or replace temp table ${single} as select * from ${candidates} semi join (${pairs} = 1) p using (${identList(on)})`,
    );
    const [{ n } = { n: 0 }] = await session.all<{ n: number }>(`select count(*) as n from (${pairs} > 1)`);
    if (n > 0) {
      const carried = (sql: string) => replaceAlias(sql, lookup, (c) => `c.${ident(c)}`);
      const match = on.map((c, i) => `c.${ident(c)} = r.${ident(own[i]!)}`).join(' and ');
      const order = orderTerms(lookup.orderBy, (i) => `(${carried(lookup.orderBy[i]!.sql)})`);
      // The last terms make the order total where the declared one is not.
      const rest = needed.map((c) => `c.${ident(c)} nulls last`);
      await session.exec(
        `create or replace temp table ${several} as
         select * exclude (_rank) from (
           select ${identList(fact.from.key, 'r')}, ${columns.map((c) => `c.${ident(c)} as ${ident(`${lookup.name}.${c}`)}`).join(', ')},
             row_number() over (partition by ${identList(fact.from.key, 'r')} order by ${[...order, ...rest].join(', ')}) as _rank
           from (${records}) r
           join (select * from ${candidates} semi join (${pairs} > 1) p using (${identList(on)})) c on ${match}${lookup.where === undefined ? '' : ` and (${carried(lookup.where)})`}
         ) where _rank = 1`,
      );
    }
    resolved.push({ lookup, single, several: n > 0 ? several : undefined, columns });
  }
  return resolved;
}

/** The fact's rows for some records, as a SELECT of its columns in order. */
export function factRowsSql(fact: Fact, lookups: readonly ResolvedLookup[], records: string): string {
  let joins = '';
  const carriers = new Map<string, string>();
  for (const [i, { lookup, single, several, columns }] of lookups.entries()) {
    const s = `s${i}`;
    const m = `m${i}`;
    const inJoin = (sql: string) => replaceAlias(sql, lookup, (c) => `${s}.${ident(c)}`);
    const match = Object.entries(lookup.on).map(([theirs, ours]) => `${s}.${ident(theirs)} = r.${ident(ours)}`);
    joins += ` left join ${single} ${s} on ${[...match, ...(lookup.where === undefined ? [] : [`(${inJoin(lookup.where)})`])].join(' and ')}`;
    if (several !== undefined)
      joins += ` left join ${several} ${m} on ${fact.from.key.map((k) => `${m}.${ident(k)} = r.${ident(k)}`).join(' and ')}`;
    for (const c of columns) {
      const one = `${s}.${ident(c)}`;
      carriers.set(
        `${lookup.name}.${c}`,
        several === undefined
          ? one
          : `case when ${m}.${ident(fact.from.key[0]!)} is not null then ${m}.${ident(`${lookup.name}.${c}`)} else ${one} end`,
      );
    }
  }
  const columns = fact.columns.map((c) => {
    const sql = lookups.reduce(
      (text, { lookup }) =>
        replaceAlias(text, lookup, (name) => `(${carriers.get(`${lookup.name}.${name}`) ?? 'null'})`),
      c.sql,
    );
    return `cast(${sql} as ${starTypeSql[c.type]}) as ${ident(c.name)}`;
  });
  return `select ${columns.join(', ')} from (${records}) r${joins}`;
}

export const starTypeSql = {
  bigint: 'bigint',
  integer: 'bigint',
  smallint: 'smallint',
  double: 'double',
  text: 'varchar',
  timestamp: 'timestamp',
  boolean: 'boolean',
} as const;

/** The pairs whose candidates change with this batch, as a SELECT of the fact's own columns; undefined when none do. */
export async function changedPairs(
  context: StarContext,
  lookup: Lookup,
  change: WinnerChange,
): Promise<string | undefined> {
  const on = Object.keys(lookup.on);
  const table = ident(`pairs:${lookup.name}`);
  const columns = on.map((c) => `${ident(c)} as ${ident(lookup.on[c]!)}`).join(', ');
  await context.session.exec(
    `create or replace temp table ${table} as select distinct ${columns} from (${comingSql(change, on)} union all ${goingSql(change, on)}) where ${on.map((c) => `${ident(c)} is not null`).join(' and ')}`,
  );
  const [{ n } = { n: 0 }] = await context.session.all<{ n: number }>(`select count(*) as n from ${table}`);
  return n === 0 ? undefined : `select * from ${table}`;
}

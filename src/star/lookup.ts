import { ident, identList, literal } from '../core/quoting.ts';
import type { Fact, Lookup } from '../pipeline/tables.ts';
import type { StarContext } from './context.ts';
import { comingSql, goingSql, inForceSql, type WinnerChange } from './winners.ts';

/**
 * A lookup is answered from one small table with a row for every pair (the values of `on`): the candidate's columns where
 * there is one, else the list of the candidates, of which each record chooses its own. One scan of the records then serves
 * all lookups, without a window over them and without a second join.
 */
export interface ResolvedLookup {
  readonly lookup: Lookup;
  readonly matches: string;
  /** Some pair has several candidates. */
  readonly hasSeveral: boolean;
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
  return namedIn([...fact.columns.map((c) => c.sql), lookup.where ?? '', ...lookup.orderBy.map((o) => o.sql)], lookup);
}

function namedIn(expressions: readonly string[], lookup: Lookup): readonly string[] {
  const used = new Set<string>();
  for (const sql of expressions) {
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
    const matches = ident(`matches:${name}`);
    const onlyTheirs = few
      ? `semi join (select distinct ${own.map((c, i) => `${ident(c)} as ${ident(on[i]!)}`).join(', ')} from (${records})) w using (${identList(on)})`
      : '';
    await session.exec(
      `create or replace temp table ${candidates} as select * from (${inForceSql(context, changes.get(lookup.from.name)!, needed)}) c ${onlyTheirs}`,
    );
    const crowded = ident(`crowded:${name}`);
    await session.exec(
      `create or replace temp table ${crowded} as select ${identList(on)} from ${candidates} group by ${identList(on)} having count(*) > 1`,
    );
    const [{ n } = { n: 0 }] = await session.all<{ n: number }>(`select count(*) as n from ${crowded}`);
    const others = needed.filter((c) => !on.includes(c));
    const candidate = `{${needed.map((c) => `${literal(c)}: ${ident(c)}`).join(', ')}}`;
    const lists = `select ${[identList(on), ...others.map((c) => `null as ${ident(c)}`), `list(${candidate}) as _several`].join(', ')}
       from ${candidates} semi join ${crowded} using (${identList(on)}) group by ${identList(on)}`;
    await session.exec(
      `create or replace temp table ${matches} as
       select ${identList([...on, ...others])}${n > 0 ? ', null as _several' : ''} from ${candidates}${n > 0 ? ` anti join ${crowded} using (${identList(on)}) union all ${lists}` : ''}`,
    );
    await session.exec(`drop table ${candidates}; drop table ${crowded}`);
    resolved.push({ lookup, matches, hasSeveral: n > 0, columns });
  }
  return resolved;
}

/** Of the list of a pair's candidates the best for the record `r`, as a struct of the columns that are taken from it. */
function chosenSql({ lookup, columns }: ResolvedLookup, taken: readonly string[], list: string): string {
  const of = (sql: string) => replaceAlias(sql, lookup, (c) => `_c.${ident(c)}`);
  const terms = lookup.orderBy.map(
    (o) => `${of(`(${o.sql})`)}, '${o.descending === true ? 'desc' : 'asc'} nulls last'`,
  );
  // The last terms make the order total where the declared one is not.
  const rest = [...new Set([...Object.keys(lookup.on), ...columns])].map((c) => `_c.${ident(c)}, 'asc nulls last'`);
  const meant =
    lookup.where === undefined ? list : `list_filter(${list}, lambda _c: coalesce((${of(lookup.where)}), false))`;
  const values = taken.map((c) => `${literal(c)}: _c.${ident(c)}`);
  return `list_min(list_transform(${meant}, lambda _c: {'k': create_sort_key(${[...terms, ...rest].join(', ')}), 'v': {${values.join(', ')}}})).v`;
}

/** The fact's rows for some records, as a SELECT of its columns in order. */
export function factRowsSql(fact: Fact, lookups: readonly ResolvedLookup[], records: string): string {
  let joins = '';
  const found: string[] = [];
  const carriers = new Map<string, string>();
  for (const [i, resolved] of lookups.entries()) {
    const { lookup, matches, hasSeveral } = resolved;
    const taken = namedIn(
      fact.columns.map((c) => c.sql),
      lookup,
    );
    if (taken.length === 0) continue;
    const m = `m${i}`;
    const match = Object.entries(lookup.on).map(([theirs, ours]) => `${m}.${ident(theirs)} = r.${ident(ours)}`);
    joins += ` left join ${matches} ${m} on ${match.join(' and ')}`;
    const meant =
      lookup.where === undefined ? undefined : replaceAlias(lookup.where, lookup, (c) => `${m}.${ident(c)}`);
    const chosen = ident(`${lookup.name}:chosen`);
    if (hasSeveral)
      found.push(
        `case when ${m}._several is not null then ${chosenSql(resolved, taken, `${m}._several`)} end as ${chosen}`,
        `${m}._several is not null as ${ident(`${lookup.name}:several`)}`,
      );
    for (const c of taken) {
      const column = ident(`${lookup.name}.${c}`);
      found.push(
        `${meant === undefined ? '' : `case when ${meant} then `}${m}.${ident(c)}${meant === undefined ? '' : ' end'} as ${column}`,
      );
      carriers.set(
        `${lookup.name}.${c}`,
        hasSeveral
          ? `case when r.${ident(`${lookup.name}:several`)} then r.${chosen}.${ident(c)} else r.${column} end`
          : `r.${column}`,
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
  const joined = found.length === 0 ? records : `select ${['r.*', ...found].join(', ')} from (${records}) r${joins}`;
  return `select ${columns.join(', ')} from (${joined}) r`;
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

import { grouped } from '../core/grouped.ts';
import { ident, identList, literal } from '../core/quoting.ts';
import type { Check } from '../pipeline/check.ts';
import { inGroups, type Part, type PartedColumn } from '../star/parts.ts';
import type { Row, SqlSession } from '../warehouse/session.ts';
import { counted, type Finding, SAMPLE_ROWS } from './finding.ts';
import { boundsOf, type Subject } from './subject.ts';

type Of<K extends Check['kind']> = Extract<Check, { kind: K }>;

/** Conditions of which every value of a column but NULL meets exactly one, so that many values are compared part by part. */
export type PartsOf = (rows: string, column: PartedColumn, count: number) => Promise<readonly Part[]>;

const allAtOnce: PartsOf = async () => [() => 'true'];

async function countAll(session: SqlSession, selects: readonly string[]): Promise<number> {
  let n = 0;
  for (const some of inGroups(selects.map((s) => `select count(*) as n from (${s}) c`))) {
    const counts = await session.all<{ n: number }>(some);
    for (const count of counts) n += count.n;
  }
  return n;
}

function columnOf(subject: Subject, name: string): PartedColumn {
  return subject.table.columns.find((c) => c.name === name)!;
}

/** What of a table has to be looked at, and how to call it. */
function judged(subject: Subject): { readonly rows: string; readonly noun: string; readonly none: boolean } {
  return subject.change === undefined
    ? { rows: subject.whole, noun: 'row', none: false }
    : { rows: subject.change.added, noun: 'new row', none: subject.change.addedRows === 0 };
}

function keyOrder(subject: Subject, alias: string): string {
  return `order by ${identList(subject.table.key, alias)} limit ${SAMPLE_ROWS}`;
}

export async function notNull(session: SqlSession, check: Of<'notNull'>, subject: Subject): Promise<Finding> {
  const expected = `no NULL in ${check.columns.join(', ')}`;
  const { rows, noun, none } = judged(subject);
  if (none) return { passed: true, expected, actual: 'no new rows' };
  const missing = check.columns.map((c) => `t.${ident(c)} is null`).join(' or ');
  const [count] = await session.all<{ n: number; bad: number | null }>(
    `select count(*) as n, sum(case when ${missing} then 1 else 0 end) as bad from (${rows}) t`,
  );
  const bad = Number(count!.bad ?? 0);
  const actual = `NULL in ${grouped(bad)} of ${counted(count!.n, noun)}`;
  if (bad === 0) return { passed: true, expected, actual };
  const samples = await session.all<Row>(`select * from (${rows}) t where ${missing} ${keyOrder(subject, 't')}`);
  return { passed: false, expected, actual, samples };
}

/** Rows with a NULL among the columns are compared with none: that is `notNull`'s business. */
export async function unique(
  session: SqlSession,
  check: Of<'unique'>,
  subject: Subject,
  partsOf: PartsOf = allAtOnce,
): Promise<Finding> {
  const columns = identList(check.columns);
  const expected = `every ${check.columns.join(', ')} once`;
  const present = check.columns.map((c) => `t.${ident(c)} is not null`).join(' and ');
  const { change } = subject;
  let rows = `select ${identList(check.columns, 't')} from (${subject.whole}) t where ${present}`;
  if (change !== undefined) {
    if (change.addedRows === 0) return { passed: true, expected, actual: 'no new rows' };
    const first = check.columns[0]!;
    const between = await boundsOf(session, subject, first, change.added, first);
    const own = `(${identList(check.columns, 's')})`;
    const hits = subject.staying(
      `${between} and ${own} in (select ${identList(check.columns, 'a')} from (${change.added}) a)`,
    );
    rows = `select ${identList(check.columns, 't')} from (${change.added} union all ${hits}) t where ${present}`;
  }
  const doubledIn = (part: string): string =>
    `select ${columns}, count(*) as row_count from (${rows}) u where ${part} group by ${columns} having count(*) > 1`;
  const rowsAtOnce = async (): Promise<number> => change?.addedRows ?? (await subject.rows());
  const [first] = check.columns;
  const parts = await partsOf(rows, columnOf(subject, first!), await rowsAtOnce());
  const n = await countAll(
    session,
    parts.map((part) => doubledIn(part(`u.${ident(first!)}`))),
  );
  if (n === 0) return { passed: true, expected, actual: 'no value twice' };
  const doubled = doubledIn('true');
  const samples = await session.all<Row>(
    `select * from (${doubled}) d order by row_count desc, ${columns} limit ${SAMPLE_ROWS}`,
  );
  return { passed: false, expected, actual: `${counted(n, 'value')} more than once`, samples };
}

export async function acceptedValues(
  session: SqlSession,
  check: Of<'acceptedValues'>,
  subject: Subject,
): Promise<Finding> {
  const list = check.values.map(String).join(', ');
  const expected = `only ${list.length > 200 ? `${list.slice(0, 200)}…` : list}`;
  const { rows, noun, none } = judged(subject);
  if (none) return { passed: true, expected, actual: 'no new rows' };
  const column = `t.${ident(check.column)}`;
  const values = check.values.map((v) => (typeof v === 'number' ? String(v) : literal(v))).join(', ');
  const whole = ['bigint', 'integer', 'smallint'].includes(columnOf(subject, check.column).type);
  const range = whole ? wholeRange(check.values) : undefined;
  const among = range === undefined ? `in (${values})` : `between ${range.low} and ${range.high}`;
  const other = values === '' ? `${column} is not null` : `${column} is not null and ${column} not ${among}`;
  const [count] = await session.all<{ n: number }>(`select count(*) as n from (${rows}) t where ${other}`);
  if (count!.n === 0) return { passed: true, expected, actual: 'no other value' };
  const samples = await session.all<Row>(
    `select ${column} as ${ident(check.column)}, count(*) as row_count from (${rows}) t where ${other} group by ${column} order by row_count desc, ${ident(check.column)} limit ${SAMPLE_ROWS}`,
  );
  return { passed: false, expected, actual: `another value in ${counted(count!.n, noun)}`, samples };
}

/** The bounds of integers without a gap: comparing with two is quicker than looking among many. */
function wholeRange(values: readonly (string | number)[]): { readonly low: number; readonly high: number } | undefined {
  const numbers = values.filter((v) => typeof v === 'number');
  if (values.length < 3 || numbers.length < values.length || !numbers.every(Number.isSafeInteger)) return undefined;
  const [low, high] = [Math.min(...numbers), Math.max(...numbers)];
  return new Set(numbers).size === high - low + 1 ? { low, high } : undefined;
}

/** Every value of a child's column is one of the parent's; NULL refers to nothing. */
export async function references(
  session: SqlSession,
  check: Of<'references'>,
  child: Subject,
  parent: Subject,
  partsOf: PartsOf = allAtOnce,
): Promise<Finding> {
  const expected = `every ${check.table}.${check.column} in ${check.toTable}.${check.toColumn}`;
  const orphans = await orphanSelects(session, check, child, parent, partsOf);
  if (orphans.length === 0) return { passed: true, expected, actual: 'no new rows' };
  const n = await countAll(session, orphans);
  if (n === 0) return { passed: true, expected, actual: 'every value is there' };
  const all = orphans.join(' union all ');
  const samples = await session.all<Row>(`select * from (${all}) t ${keyOrder(child, 't')}`);
  const { noun } = judged(child);
  return { passed: false, expected, actual: `missing for ${counted(n, noun)}`, samples };
}

/** SELECTs of the child's rows whose parent is missing; none when nothing that matters is new. */
async function orphanSelects(
  session: SqlSession,
  check: Of<'references'>,
  child: Subject,
  parent: Subject,
  partsOf: PartsOf,
): Promise<readonly string[]> {
  const own = ident(check.column);
  const theirs = ident(check.toColumn);
  // Not EXISTS: for that DuckDB gathers the distinct values of the child first, at three times the cost.
  const without = (rows: string, parents: string): string =>
    `select t.* from (${rows}) t left join (${parents}) p on p.${theirs} = t.${own} where t.${own} is not null and p.${theirs} is null`;
  if (child.change === undefined || parent.change === undefined) {
    const column = columnOf(parent, check.toColumn);
    // The same value of another type may be of another part.
    const parts =
      column.type === columnOf(child, check.column).type
        ? await partsOf(parent.whole, column, await parent.rows())
        : await allAtOnce(parent.whole, column, 0);
    return parts.map((part) =>
      without(
        `select c.* from (${child.whole}) c where ${part(`c.${own}`)}`,
        `select q.${theirs} from (${parent.whole}) q where ${part(`q.${theirs}`)}`,
      ),
    );
  }
  const selects: string[] = [];
  if (child.change.addedRows > 0) {
    const between = await boundsOf(session, parent, check.toColumn, child.change.added, check.column);
    selects.push(without(child.change.added, `${parent.staying(between)} union all ${parent.change.added}`));
  }
  if (parent.change.removedRows > 0) {
    const gone = `select g.${theirs} from (${parent.change.removed}) g where not exists (select 1 from (${parent.change.added}) p where p.${theirs} = g.${theirs})`;
    const between = await boundsOf(session, child, check.column, gone, check.toColumn);
    if (between !== 'false') {
      const bereft = child.staying(`${between} and s.${own} in (${gone})`);
      // Another row of the parent may carry the same value where that column is not its key.
      selects.push(without(bereft, parent.whole));
    }
  }
  return selects;
}

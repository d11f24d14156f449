import { grouped } from '../core/grouped.ts';
import { ident, literal, qualified } from '../core/quoting.ts';
import { ledger } from '../ledger/transaction.ts';
import type { Fact, Staging } from '../pipeline/tables.ts';
import type { StarContext } from '../star/context.ts';
import type { Delta } from '../star/delta.ts';
import { batchTable } from '../star/names.ts';
import { type RecordSource, recordsSql } from '../star/records.ts';
import { inForceNowSql, liveNow, type Standing, standingRecords } from '../star/standing.ts';
import type { WinnerChange } from '../star/winners.ts';
import type { Row, SqlSession } from '../warehouse/session.ts';
import { counted, type Finding, SAMPLE_ROWS } from './finding.ts';

/** What a batch changes in a staging. */
export type ChangeOf = (staging: Staging) => Promise<WinnerChange>;

const EXPECTED = 'every record in exactly one place, every fact row from exactly one record';

/** One sentence a broken sum, and rows that show it. */
interface Gap {
  readonly text: string;
  readonly samples: readonly Row[];
}

function findingOf(gaps: readonly (Gap | undefined)[], sums: string): Finding {
  const broken = gaps.filter((g) => g !== undefined);
  return {
    passed: broken.length === 0,
    expected: EXPECTED,
    actual: broken.length === 0 ? sums : broken.map((g) => g.text).join('; '),
    samples: broken.flatMap((g) => g.samples).slice(0, SAMPLE_ROWS),
  };
}

async function gapOf(
  session: SqlSession,
  sql: string,
  order: string,
  text: (n: number) => string,
): Promise<Gap | undefined> {
  const [count] = await session.all<{ n: number }>(`select count(*) as n from (${sql}) g`);
  if (count!.n === 0) return undefined;
  const samples = await session.all<Row>(`select * from (${sql}) g order by ${order} limit ${SAMPLE_ROWS}`);
  return { text: text(count!.n), samples };
}

/** Objects whose parts do not add up: `read = staged + quarantined`. */
function unbalanced(session: SqlSession, objects: string): Promise<Gap | undefined> {
  return gapOf(
    session,
    `select o.uri, o.records_read, o.records_staged, o.records_quarantined from ${ledger('objects')} o where (${objects}) and o.records_read <> o.records_staged + o.records_quarantined`,
    'uri',
    (n) => `read is not staged + quarantined in ${counted(n, 'object')}`,
  );
}

/** Segments that hold another number of rows than the ledger and their file say; the files are read by the compute engine. */
async function wrongSegments(source: RecordSource, objects: string): Promise<Gap | undefined> {
  const { session, segments: store } = source;
  const chosen = `select distinct o.segment_id from ${ledger('objects')} o where (${objects})`;
  const segments = await session.all<{ path: string; row_count: number; size_bytes: number; staged: number }>(
    `select s.path, s.row_count, s.size_bytes, sum(o.records_staged)::bigint as staged from ${ledger('segments')} s join ${ledger('objects')} o on o.segment_id = s.segment_id
     where s.segment_id in (${chosen}) group by s.segment_id, s.path, s.row_count, s.size_bytes order by s.segment_id`,
  );
  if (segments.length === 0) return undefined;
  const filled = segments.filter((s) => s.row_count > 0);
  await store.bring(filled.map((s) => ({ path: s.path, sizeBytes: s.size_bytes })));
  const paths = filled.map((s) => literal(`${store.directory}/${s.path}`));
  const files =
    paths.length === 0
      ? []
      : await session.all<{ file_name: string; num_rows: number }>(
          `select file_name, num_rows from parquet_file_metadata([${paths.join(', ')}])`,
        );
  const inFile = new Map(files.map((f) => [f.file_name, f.num_rows]));
  const wrong = segments
    .map((s) => ({ ...s, file: s.row_count === 0 ? 0 : (inFile.get(`${store.directory}/${s.path}`) ?? 0) }))
    .filter((s) => s.file !== s.row_count || s.staged !== s.row_count);
  if (wrong.length === 0) return undefined;
  const samples = wrong.map((s) => ({
    segment: s.path,
    ledger_rows: s.row_count,
    objects_staged: s.staged,
    file_rows: s.file,
  }));
  return { text: `the rows do not add up in ${counted(wrong.length, 'segment')}`, samples };
}

/** Rows a fact is to gain, by the records: V⁺ − V⁻ after its filter. */
async function gain(context: StarContext, fact: Fact, change: WinnerChange): Promise<number> {
  const { session } = context;
  const passing = async (records: string): Promise<number> => {
    const [row] = await session.all<{ n: number }>(
      `select count(*) as n from (${records}) r${fact.where === undefined ? '' : ` where ${fact.where}`}`,
    );
    return row!.n;
  };
  const ranked = (condition: string): Promise<number> =>
    change.hasContenders ? passing(`select * from ${change.contenders} where ${condition}`) : Promise.resolve(0);
  // Counted over the sets and the few contenders apart: an anti join over everything would cost a second at 10 million.
  const coming =
    (await passing(recordsSql(change.incoming))) -
    (await ranked("_role = 'in' and _new_rank > 1")) +
    (await ranked("_role = 'stay' and _new_rank = 1 and _old_rank > 1"));
  const going =
    (await passing(recordsSql(change.outgoing))) -
    (await ranked("_role = 'out' and _old_rank > 1")) +
    (await ranked("_role = 'stay' and _old_rank = 1 and _new_rank > 1"));
  return coming - going;
}

/** At the gate: the batch's objects, the segments they lie in, and what the batch does to each fact. */
export async function batchAccounting(
  context: StarContext,
  deltas: readonly Delta[],
  changeOf: ChangeOf,
): Promise<Finding> {
  const { session, pipeline } = context;
  const inBatch = `o.object_id in (select object_id from ${batchTable(pipeline.name, 'in')})`;
  const gaps = [await unbalanced(session, inBatch), await wrongSegments(context, inBatch)];
  const sums: string[] = [];
  for (const table of pipeline.tables) {
    const delta = deltas.find((d) => d.table === table.name);
    if (table.kind !== 'fact' || delta === undefined) continue;
    const wanted = await gain(context, table, await changeOf(table.from));
    const found = context.rebuild ? delta.added : delta.added - delta.removed;
    if (wanted !== found)
      gaps.push({
        text: `${table.name} gains ${counted(found, 'row')}, its records ${counted(wanted, 'row')}`,
        samples: [],
      });
    sums.push(`${table.name} ${found < 0 ? '−' : '+'}${grouped(Math.abs(found))}`);
  }
  const [total] = await session.all<{ r: number | null; s: number | null; q: number | null }>(
    `select sum(o.records_read)::bigint as r, sum(o.records_staged)::bigint as s, sum(o.records_quarantined)::bigint as q from ${ledger('objects')} o where ${inBatch}`,
  );
  return findingOf(gaps, [recordSums(total!), ...sums].join('; '));
}

function recordSums(total: {
  readonly r: number | null;
  readonly s: number | null;
  readonly q: number | null;
}): string {
  const say = (n: number | null): string => grouped(n ?? 0);
  return `read ${say(total.r)} = staged ${say(total.s)} + quarantined ${say(total.q)}`;
}

/**
 * Of what is published: every live object against the quarantine, its segment and its file, and every fact of the
 * warehouse against the records in force.
 * @param session of the warehouse; the records are counted in the compute engine
 */
export async function publishedAccounting(session: SqlSession, schema: string, standing: Standing): Promise<Finding> {
  const live = liveNow(standing);
  const gaps = [
    await unbalanced(session, live),
    await gapOf(
      session,
      `select o.uri, o.records_quarantined, count(q.quarantine_id) as kept from ${ledger('objects')} o left join ${ledger('quarantine')} q on q.object_id = o.object_id
       where ${live} group by o.object_id, o.uri, o.records_quarantined having count(q.quarantine_id) <> o.records_quarantined`,
      'uri',
      (n) => `the quarantine lacks records of ${counted(n, 'object')}`,
    ),
    await wrongSegments(standing, live),
  ];
  const sums: string[] = [];
  for (const table of standing.pipeline.tables) {
    if (table.kind !== 'fact') continue;
    const set = await standingRecords(standing, table.from);
    const columns = table.from.columns.map((c) => c.name);
    const [wanted] = await standing.session.all<{ n: number }>(
      `select count(*) as n from (${inForceNowSql(standing, set, columns)}) r${table.where === undefined ? '' : ` where ${table.where}`}`,
    );
    const [found] = await session.all<{ n: number }>(`select count(*) as n from ${qualified(schema, table.name)}`);
    if (wanted!.n !== found!.n)
      gaps.push({
        text: `${table.name} has ${counted(found!.n, 'row')}, its records are ${grouped(wanted!.n)}`,
        samples: [],
      });
    sums.push(`${ident(table.name)} ${grouped(found!.n)}`.replaceAll('"', ''));
  }
  const [total] = await session.all<{ r: number | null; s: number | null; q: number | null }>(
    `select cast(sum(o.records_read) as bigint) as r, cast(sum(o.records_staged) as bigint) as s, cast(sum(o.records_quarantined) as bigint) as q from ${ledger('objects')} o where ${live}`,
  );
  return findingOf(gaps, [recordSums(total!), ...sums].join('; '));
}

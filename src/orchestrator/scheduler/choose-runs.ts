import { CompiledQuery, type RawBuilder, sql } from 'kysely';
import type { RunGraphs } from '../runs/run-graph.ts';
import type { StoreReader, StoreTransaction, StoreValue } from '../store/store.ts';
import type { PipelineRow, StoredRun } from '../store/tables.ts';

/** Of a run that waits to begin, what its admission needs. */
export type QueuedRun = Pick<StoredRun, 'id' | 'pipeline' | 'version' | 'kind' | 'due_at_ms'>;

export type AdmittingPipeline = Pick<PipelineRow, 'name' | 'version' | 'state' | 'paused'>;

export interface Choice {
  readonly runs: readonly QueuedRun[];
  /** When a run whose time has not come may begin. */
  readonly nextMs: number | undefined;
}

export interface ChooseOptions {
  readonly pipelines: readonly AdmittingPipeline[];
  readonly graphs: RunGraphs;
  readonly nowMs: number;
  /** At most so many. */
  readonly limit: number;
  /** Of this run alone, whatever limits others. */
  readonly onlyRun: number | undefined;
}

/**
 * Which queued runs may begin now, most urgent first. Each kind has places of its own, so that none starves another: those of
 * persons all, of the schedule as many as the pipeline says, of each running backfill as many as that says. A pipeline that
 * is broken or gone begins nothing, a paused one nothing of its schedule. No scheduled run begins before its interval
 * is over, which matters when the clock was set back after it was made.
 */
export async function chooseRuns(db: StoreReader, options: ChooseOptions): Promise<Choice> {
  const { pipelines, limit, onlyRun } = options;
  const found: QueuedRun[] = [];
  let nextMs: number | undefined;
  for (const pipeline of pipelines) {
    if (pipeline.state !== 'active') continue;
    const queued =
      onlyRun === undefined
        ? await mayBegin(db, pipeline, options)
        : await queuedRuns(db, pipeline.name, sql`r.id = ${onlyRun}`, 1);
    for (const run of queued) {
      if (run.kind !== 'scheduled' || run.due_at_ms <= options.nowMs || onlyRun !== undefined) found.push(run);
      else nextMs = Math.min(run.due_at_ms, nextMs ?? run.due_at_ms);
    }
  }
  const order: Readonly<Record<QueuedRun['kind'], number>> = { manual: 0, scheduled: 1, backfill: 2 };
  found.sort((a, b) => order[a.kind] - order[b.kind] || a.due_at_ms - b.due_at_ms || a.id - b.id);
  return { runs: found.slice(0, limit), nextMs };
}

async function mayBegin(
  db: StoreReader,
  { name, version, paused }: AdmittingPipeline,
  { graphs, limit }: ChooseOptions,
): Promise<readonly QueuedRun[]> {
  const found = [...(await queuedRuns(db, name, sql`r.kind = 'manual'`, limit))];
  if (paused === 0) {
    const { rows } = await sql<{ active: number }>`
      select count(*) as active from runs
      where pipeline = ${name} and kind = 'scheduled' and state in ('running', 'cancelling')`.execute(db);
    const { graph } = await graphs.of(statementsOf(db), name, version);
    const places = graph.maxActiveRuns - Number(rows[0]!.active);
    found.push(...(await queuedRuns(db, name, sql`r.kind = 'scheduled'`, Math.min(limit, places))));
  }
  const backfills = await sql<{ id: number; max_active: number; active: number }>`
    select b.id, b.max_active,
      (select count(*) from runs r where r.backfill_id = b.id and r.state in ('running', 'cancelling')) as active
    from backfills b
    where b.pipeline = ${name} and b.state = 'running'
      and exists (select 1 from runs r where r.pipeline = b.pipeline and r.kind = 'backfill' and r.state = 'queued')
    order by b.priority, b.id`.execute(db);
  for (const { id, max_active: maxActive, active } of backfills.rows) {
    const places = maxActive - Number(active);
    const condition = sql`r.kind = 'backfill' and r.backfill_id = ${id}`;
    found.push(...(await queuedRuns(db, name, condition, Math.min(limit, places))));
  }
  return found;
}

async function queuedRuns(
  db: StoreReader,
  pipeline: string,
  condition: RawBuilder<unknown>,
  limit: number,
): Promise<readonly QueuedRun[]> {
  if (limit <= 0) return [];
  const { rows } = await sql<QueuedRun>`
    select r.id, r.pipeline, r.version, r.kind, r.due_at_ms from runs r
    where r.pipeline = ${pipeline} and r.state = 'queued' and ${condition}
    order by r.priority, r.due_at_ms, r.id limit ${limit}`.execute(db);
  return rows;
}

/** The pipelines that have a queued run, or that of one. */
export async function admittingPipelines(
  db: StoreReader,
  onlyRun: number | undefined,
  lock: boolean,
): Promise<readonly AdmittingPipeline[]> {
  const whose =
    onlyRun === undefined
      ? sql`exists (select 1 from runs r where r.pipeline = p.name and r.state = 'queued')`
      : sql`p.name = (select r.pipeline from runs r where r.id = ${onlyRun} and r.state = 'queued')`;
  const { rows } = await sql<AdmittingPipeline>`
    select p.name, p.version, p.state, p.paused from pipelines p
    where ${whose} order by p.name${lock ? sql` for update` : sql``}`.execute(db);
  return rows;
}

function statementsOf(db: StoreReader): Pick<StoreTransaction, 'all'> {
  return {
    all: async <Row>(text: string, values: readonly StoreValue[] = []) =>
      (await db.executeQuery<Row>(CompiledQuery.raw(text, [...values]))).rows,
  };
}

import { isSparkifyError } from '../../core/errors.ts';
import { reviseRuns } from '../runs/revise-runs.ts';
import type { RunGraphs } from '../runs/run-graph.ts';
import { startRuns } from '../runs/start-runs.ts';
import type { Store, StoreTransaction } from '../store/store.ts';
import type { StoredRun } from '../store/tables.ts';

/** Runs that begin in one transaction. */
const AT_ONCE = 100;

type Queued = Pick<StoredRun, 'id' | 'pipeline' | 'version' | 'kind' | 'backfill_id'>;

interface Pipeline {
  readonly name: string;
  readonly version: string;
  readonly semantic_version: string;
  readonly state: 'active' | 'broken' | 'gone';
  readonly paused: number;
}

/**
 * Lets queued runs begin, those of persons first, then the schedule's, then backfills'. As many scheduled runs of a
 * pipeline are under way as it says, and of a backfill as that says; those of persons are not counted. A paused pipeline
 * begins no scheduled run, and one that is broken or gone none at all. A run begins with the version that is in force.
 * @param onlyRun for a process that carries out one run and leaves the others alone
 * @returns 0 when there may be more to begin at once; undefined: nothing until the store changes
 */
export async function admitStep(store: Store, graphs: RunGraphs, onlyRun?: number): Promise<number | undefined> {
  let query = store.db.selectFrom('runs').select('id').where('state', '=', 'queued').limit(1);
  if (onlyRun !== undefined) query = query.where('id', '=', onlyRun);
  if ((await query.executeTakeFirst()) === undefined) return undefined;
  return store.write(async (tx) => {
    const lock = tx.capabilities.skipLocked ? ' for update' : '';
    // Whoever admits has the pipelines to itself, so that two schedulers do not both see the last place free.
    const pipelines = await tx.all<Pipeline>(
      `select name, version, semantic_version, state, paused from pipelines
       where name in (select pipeline from runs where state = 'queued') order by name${lock}`,
    );
    const admitted = await chooseRuns(tx, graphs, pipelines, onlyRun);
    if (admitted.length === 0) return undefined;
    for (const pipeline of pipelines) await revise(tx, graphs, pipeline, admitted);
    await startRuns(
      tx,
      graphs,
      admitted.map((r) => r.id),
    );
    return admitted.length >= AT_ONCE ? 0 : undefined;
  });
}

async function chooseRuns(
  tx: StoreTransaction,
  graphs: RunGraphs,
  pipelines: readonly Pipeline[],
  onlyRun: number | undefined,
): Promise<readonly Queued[]> {
  const chosen: Queued[] = [];
  for (const { name, version, state, paused } of pipelines) {
    if (state !== 'active') continue;
    const take = async (kind: string, limit: number, more = '', values: readonly number[] = []): Promise<void> => {
      const places = Math.min(limit, AT_ONCE - chosen.length);
      if (places <= 0) return;
      chosen.push(
        ...(await tx.all<Queued>(
          `select id, pipeline, version, kind, backfill_id from runs
           where pipeline = $1 and kind = $2 and state = 'queued'${more} order by priority, due_at_ms, id limit ${places}`,
          [name, kind, ...values],
        )),
      );
    };
    if (onlyRun !== undefined) {
      for (const kind of ['manual', 'scheduled', 'backfill']) await take(kind, 1, ' and id = $3', [onlyRun]);
      continue;
    }
    await take('manual', AT_ONCE);
    if (paused === 0) {
      const [active] = await tx.all<{ n: number }>(
        `select count(*) as n from runs where pipeline = $1 and kind = 'scheduled' and state in ('running', 'cancelling')`,
        [name],
      );
      const { graph } = await graphs.of(tx, name, version);
      await take('scheduled', graph.maxActiveRuns - Number(active!.n));
    }
    const backfills = await tx.all<{ id: number; max_active: number; active: number }>(
      `select b.id, b.max_active,
         (select count(*) from runs r where r.backfill_id = b.id and r.state in ('running', 'cancelling')) as active
       from backfills b where b.pipeline = $1 and b.state = 'running' order by b.priority, b.id`,
      [name],
    );
    for (const b of backfills) await take('backfill', b.max_active - Number(b.active), ' and backfill_id = $3', [b.id]);
  }
  return chosen;
}

/**
 * Runs that were made before the pipeline changed begin with what is in force. A backfill promised cells under one
 * definition: only its schedules, retries and the like follow the change.
 */
async function revise(
  tx: StoreTransaction,
  graphs: RunGraphs,
  pipeline: Pipeline,
  admitted: readonly Queued[],
): Promise<void> {
  const old = admitted.filter((r) => r.pipeline === pipeline.name && r.version !== pipeline.version);
  if (old.length === 0) return;
  const { graph } = await graphs.of(tx, pipeline.name, pipeline.version);
  const ids: number[] = [];
  for (const run of old) {
    if (run.kind === 'backfill') {
      const before = await graphs.of(tx, run.pipeline, run.version);
      if (before.graph.semanticVersion !== graph.semanticVersion) continue;
    }
    ids.push(run.id);
  }
  try {
    await reviseRuns(tx, ids, graph);
  } catch (error) {
    // What cannot begin with the new version begins as it was made, and its tasks say what is missing.
    if (!isSparkifyError(error) || error.exitCode === 4) throw error;
  }
}

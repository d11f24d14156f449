import { listBackfills } from '../../orchestrator/backfill/read-backfills.ts';
import type { StoreReader } from '../../orchestrator/store/store.ts';
import type { PipelineRow } from '../../orchestrator/store/tables.ts';
import { formatInterval } from '../../pipeline/interval.ts';
import type { Answer } from '../api.ts';
import type { Graphs } from './graphs.ts';

type Concern = Answer<'getStatus'>['waiting'][number];

/** Backfills that have not ended are among so many latest ones. */
const LOOKED_AT = 200;

/** Backfills that start no cell, each with the reason; what their runs wait for is told with the runs. */
export async function backfillConcerns(db: StoreReader, pipelines: readonly string[]): Promise<readonly Concern[]> {
  const latest = await listBackfills(db, { limit: LOOKED_AT });
  return latest.flatMap(({ row, counts, waits }): readonly Concern[] => {
    const why = row.state === 'paused' ? 'it is paused' : waits;
    if (why === undefined || !pipelines.includes(row.pipeline)) return [];
    const left = counts.planned + counts.running;
    const interval = formatInterval({ startMs: row.start_ms, endMs: row.end_ms });
    return [
      {
        pipeline: row.pipeline,
        run: null,
        task: null,
        sinceMs: row.created_at_ms,
        why: `backfill ${row.id} (${interval}) starts no cell, ${left} are left: ${why}.`,
        remedy: row.state === 'paused' ? `sparkify backfill resume ${row.id}` : null,
      },
    ];
  });
}

/** Pipelines whose schedule makes no runs because they are paused. */
export async function pausedConcerns(
  db: StoreReader,
  graphs: Graphs,
  pipelines: readonly PipelineRow[],
): Promise<readonly Concern[]> {
  const concerns: Concern[] = [];
  for (const row of pipelines) {
    if (row.paused === 0 || row.state !== 'active') continue;
    const graph = await graphs.find(db, row.name, row.version);
    if (graph?.schedule === undefined) continue;
    concerns.push({
      pipeline: row.name,
      run: null,
      task: null,
      sinceMs: null,
      why: 'its schedule is paused and makes no runs.',
      remedy: `sparkify unpause ${row.name}`,
    });
  }
  return concerns;
}

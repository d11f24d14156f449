import type { Selectable } from 'kysely';
import type { Store } from '../../../src/orchestrator/store/store.ts';
import type { AttemptRow, CellRow, PoolRow, StoredRun, TaskInstance } from '../../../src/orchestrator/store/tables.ts';

/** Everything in the store that runs and queue write, at one moment. */
export interface Snapshot {
  readonly runs: ReadonlyMap<number, StoredRun>;
  readonly tasks: ReadonlyMap<number, TaskInstance>;
  readonly attempts: ReadonlyMap<string, Selectable<AttemptRow>>;
  readonly cells: ReadonlyMap<string, CellRow>;
  readonly pools: readonly PoolRow[];
  readonly runCells: readonly { readonly run_id: number; readonly start_ms: number; readonly end_ms: number }[];
  /** Types of the events of runs, in their order. */
  readonly runEvents: ReadonlyMap<number, readonly string[]>;
}

export const emptySnapshot: Snapshot = {
  runs: new Map(),
  tasks: new Map(),
  attempts: new Map(),
  cells: new Map(),
  pools: [],
  runCells: [],
  runEvents: new Map(),
};

export function takeSnapshot(store: Store): Promise<Snapshot> {
  return store.write(async (tx) => {
    const runs = await tx.all<StoredRun>('select * from runs order by id');
    const tasks = await tx.all<TaskInstance>('select * from tasks order by id');
    const attempts = await tx.all<Selectable<AttemptRow>>('select * from attempts order by task_id, attempt');
    const cells = await tx.all<CellRow>('select * from cells order by pipeline, task, start_ms, end_ms');
    const events = await tx.all<{ run_id: number; type: string }>(
      "select run_id, type from events where type like 'run.%' order by seq",
    );
    const runEvents = new Map<number, string[]>();
    for (const { run_id, type } of events) runEvents.set(run_id, [...(runEvents.get(run_id) ?? []), type]);
    return {
      runs: new Map(runs.map((r) => [r.id, r])),
      tasks: new Map(tasks.map((t) => [t.id, t])),
      attempts: new Map(attempts.map((a) => [`${a.task_id} ${a.attempt}`, a])),
      cells: new Map(cells.map((c) => [cellKey(c), c])),
      pools: await tx.all<PoolRow>('select * from pools'),
      runCells: await tx.all('select * from run_cells'),
      runEvents,
    };
  });
}

export function cellKey(cell: Pick<CellRow, 'pipeline' | 'task' | 'start_ms' | 'end_ms'>): string {
  return `${cell.pipeline} ${cell.task} ${cell.start_ms} ${cell.end_ms}`;
}

/** Empties what the cases write, so that one store serves them all. */
export async function clear(store: Store): Promise<void> {
  await store.write(async (tx) => {
    for (const table of [
      'attempts',
      'tasks',
      'run_cells',
      'runs',
      'cells',
      'pipeline_versions',
      'pipelines',
      'events',
      'pools',
    ])
      await tx.run(`delete from ${table}`);
  });
}

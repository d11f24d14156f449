import { backfillStep } from '../../../src/orchestrator/backfill/backfill-step.ts';
import { type BackfillOptions, createBackfill } from '../../../src/orchestrator/backfill/create-backfill.ts';
import { cellsOfBackfill, findBackfill } from '../../../src/orchestrator/backfill/read-backfills.ts';
import { saveCoverage } from '../../../src/orchestrator/cells/coverage.ts';
import { makePlan } from '../../../src/orchestrator/cells/make-plan.ts';
import type { Plan, PlanRequest } from '../../../src/orchestrator/cells/plan.ts';
import type { PlanRange } from '../../../src/orchestrator/cells/plan-grid.ts';
import { admitStep } from '../../../src/orchestrator/scheduler/admit-step.ts';
import type { TaskInstance } from '../../../src/orchestrator/store/tables.ts';
import type { PipelineGraph } from '../../../src/pipeline/graph.ts';
import { formatInstant, type Interval, parseInstant } from '../../../src/pipeline/interval.ts';
import { done, type Ending, openRunWorld, type RunWorld } from '../run-world.ts';
import type { OpenTestStore } from '../stores.ts';

export interface BackfillWorld extends RunWorld {
  /** Writes the graph down as the one in force. */
  register(graph: PipelineGraph): Promise<void>;
  publish(graph: PipelineGraph, ...intervals: readonly Interval[]): Promise<void>;
  plan(from: string, to: string, request?: PlanRequest): Promise<Plan>;
  backfill(plan: Plan, options?: Partial<BackfillOptions>): Promise<number>;
  /** One look of the scheduler at backfills and queued runs. */
  step(): Promise<void>;
  /** Looks and works until nothing is left to do. */
  go(ending?: (task: TaskInstance, interval: string) => Ending): Promise<void>;
  /** `first day/first day after: tasks`, of the runs that are there, in their order. */
  runs(): Promise<readonly string[]>;
  /** `day state` of each cell. */
  cells(id: number): Promise<readonly string[]>;
  state(id: number): Promise<string>;
}

export async function openBackfillWorld(open: OpenTestStore, pipeline = 'sparkify'): Promise<BackfillWorld> {
  const world = await openRunWorld(open);
  const { store, graphs, clock } = world;
  const step = async (): Promise<void> => {
    while ((await backfillStep(store, graphs)) === 0);
    while ((await admitStep(store, graphs)) === 0);
  };
  const runRows = () => store.db.selectFrom('runs').selectAll().orderBy('id').execute();
  return {
    ...world,
    register: async (graph) => {
      await store.write(async (tx) => {
        await tx.run(
          `insert into pipelines (name, version, semantic_version, state, paused, updated_at_ms) values ($1, $2, $3, 'active', 0, $4)
           on conflict (name) do update set version = excluded.version, semantic_version = excluded.semantic_version`,
          [graph.pipeline, graph.version, graph.semanticVersion, tx.nowMs],
        );
        await tx.run(
          'insert into pipeline_versions (pipeline, version, semantic_version, graph_json, created_at_ms) values ($1, $2, $3, $4, $5)',
          [graph.pipeline, graph.version, graph.semanticVersion, JSON.stringify(graph), tx.nowMs],
        );
      });
    },
    publish: (graph, ...intervals) =>
      store.write((tx) =>
        saveCoverage(tx, graph.pipeline, { intervals, definition: graph.semanticVersion, epoch: 1, atMs: tx.nowMs }),
      ),
    plan: (from, to, request = {}) => {
      const range: PlanRange = { fromMs: parseInstant(from), toMs: parseInstant(to) };
      return makePlan(store.db, pipeline, { ...range, ...request }, clock.nowMs());
    },
    backfill: async (plan, options = {}) => (await createBackfill(store, plan, { requestedBy: 'ada', ...options }))!,
    step,
    go: async (ending = () => done) => {
      for (let busy = true; busy; ) {
        await step();
        const rows = new Map(
          (await runRows()).map((r) => [r.id, `${formatInstant(r.start_ms)}/${formatInstant(r.end_ms)}`]),
        );
        busy = (await world.work((task) => ending(task, rows.get(task.run_id)!))).length > 0;
      }
    },
    runs: async () => {
      const tasks = await store.db.selectFrom('tasks').select(['run_id', 'task']).orderBy('id').execute();
      return (await runRows()).map(
        (r) =>
          `${formatInstant(r.start_ms)}/${formatInstant(r.end_ms)}: ${tasks
            .filter((t) => t.run_id === r.id)
            .map((t) => t.task)
            .join(' ')}`,
      );
    },
    cells: async (id) => (await cellsOfBackfill(store.db, id)).map((c) => `${formatInstant(c.startMs)} ${c.state}`),
    state: async (id) => (await findBackfill(store.db, id)).row.state,
  };
}

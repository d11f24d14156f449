import type { CellFacts, Coverage, Outcome, PendingObject } from '../../../src/orchestrator/cells/cell.ts';
import type { PlanFacts } from '../../../src/orchestrator/cells/plan.ts';
import type { PipelineGraph } from '../../../src/pipeline/graph.ts';
import type { Interval } from '../../../src/pipeline/interval.ts';
import { every } from '../../../src/pipeline/schedule.ts';
import { graphOfTasks, graphTask } from '../graphs.ts';

export const DAY_MS = 86_400_000;
export const HOUR_MS = 3_600_000;
export const firstMs = Date.UTC(2018, 10, 1);
export const nowMs = Date.UTC(2018, 11, 1);

export const days = (from: number, to = from + 1): Interval => ({
  startMs: firstMs + from * DAY_MS,
  endMs: firstMs + to * DAY_MS,
});

export const grid = (count: number): readonly Interval[] => Array.from({ length: count }, (_, i) => days(i));

export const daily = every('1 day', { start: '2018-11-01' });

/** begin → sensor → stage → load → quality → publish → end, and a function on what is published. */
export function dataGraph(more: Partial<PipelineGraph> = {}): PipelineGraph {
  const data = (name: string, kind: string, ...after: string[]) => graphTask(name, { kind, data: true, after });
  return graphOfTasks(
    [
      graphTask('begin', { kind: 'marker' }),
      graphTask('wait', { kind: 'wait-for-objects', after: ['begin'] }),
      data('stage', 'stage', 'wait'),
      data('load', 'load-fact', 'stage'),
      data('quality', 'quality', 'load'),
      data('publish', 'publish', 'quality'),
      graphTask('end', { kind: 'marker', after: ['publish'] }),
    ],
    { schedule: daily, ...more },
  );
}

/** The same with `fetch` before the data and `export` after it. */
export function mixedGraph(more: Partial<PipelineGraph> = {}): PipelineGraph {
  const { tasks } = dataGraph();
  return graphOfTasks(
    [
      graphTask('fetch'),
      ...tasks.map((t) => (t.name === 'stage' ? { ...t, after: [...t.after, 'fetch'] } : t)),
      graphTask('export', { after: ['publish'] }),
    ],
    { schedule: daily, ...more },
  );
}

export const covered = (...intervals: Interval[]): Coverage => ({
  intervals,
  definition: 's1',
  epoch: 1,
  atMs: nowMs,
});

export const pendingObject = (more: Partial<PendingObject> = {}): PendingObject => ({
  staging: 'staging_events',
  uri: 'file:///data/log_data/2018-11-05-events.json',
  name: 'log_data/2018-11-05-events.json',
  change: 'new',
  period: days(4),
  sizeBytes: 100,
  listedAtMs: nowMs - 180_000,
  ...more,
});

export const outcome = (task: string, state: Outcome['state'], at: Interval, more: Partial<Outcome> = {}): Outcome => ({
  task,
  state,
  runId: 12,
  atMs: nowMs - 60_000,
  reason: undefined,
  ...at,
  ...more,
});

export const facts = (more: Partial<PlanFacts> & Pick<CellFacts, 'graph'>): PlanFacts => ({
  coverage: covered(),
  pending: [],
  outcomes: [],
  active: [],
  nowMs,
  listings: [],
  promised: [],
  ...more,
});

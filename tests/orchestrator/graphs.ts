import type { GraphTask, PipelineGraph } from '../../src/pipeline/graph.ts';

const plain: Omit<GraphTask, 'name'> = {
  kind: 'function',
  group: undefined,
  after: [],
  trigger: 'all_succeeded',
  retries: { max: 0, delayMs: 60_000, factor: 2, maxDelayMs: 3_600_000, jitter: 0 },
  timeoutMs: undefined,
  pool: undefined,
  poolSlots: 1,
  queue: 'default',
  priority: 0,
  dependsOnPast: false,
  data: false,
  mapped: false,
  sensor: undefined,
  branch: false,
};

/** A task of a graph: plain but for what is given. */
export function graphTask(name: string, more: Partial<GraphTask> = {}): GraphTask {
  return { ...plain, name, ...more };
}

let versions = 0;

/** A pipeline of these tasks, in topological order; each graph is a version of its own. */
export function graphOfTasks(
  tasks: readonly GraphTask[],
  more: Partial<Omit<PipelineGraph, 'tasks'>> = {},
): PipelineGraph {
  versions += 1;
  return {
    pipeline: 'sparkify',
    doc: '',
    version: `v${versions}`,
    semanticVersion: 's1',
    schedule: undefined,
    deadlineMs: undefined,
    maxActiveRuns: 16,
    tasks,
    ...more,
  };
}

/** A graph as `a, b after a, c after a b` says. */
export function graphFrom(text: string, more: Partial<Omit<PipelineGraph, 'tasks'>> = {}): PipelineGraph {
  const tasks = text.split(',').map((part) => {
    const [name = '', after = ''] = part.trim().split(/\s+after\s+/);
    return graphTask(name, { after: after.split(/\s+/).filter(Boolean) });
  });
  return graphOfTasks(tasks, more);
}

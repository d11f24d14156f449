import type { ResolvedPipeline } from '../pipeline/define.ts';
import type { GraphTask, PipelineGraph } from '../pipeline/graph.ts';
import { graphOf } from '../pipeline/graph-of.ts';
import type { Task } from '../pipeline/task.ts';

/**
 * The graph of a run that a person waits for: nothing is tried again by itself, and a sensor looks once. What the star
 * depends on is the same.
 */
export function attendedGraph(pipeline: ResolvedPipeline): PipelineGraph {
  return graphOf({ ...pipeline, tasks: pipeline.tasks.map(attended) });
}

function attended(task: Task): Task {
  const { operator, options } = task;
  const once = { ...task, options: { ...options, retries: { ...options.retries, max: 0 } } };
  switch (operator.kind) {
    case 'sensor':
      return { ...once, operator: { ...operator, timing: lookOnce(operator.timing, operator.timing.onTimeout) } };
    case 'wait-for-objects': {
      const { inDirectRun } = operator;
      const onTimeout = inDirectRun === 'empty' ? 'succeed' : inDirectRun;
      return { ...once, operator: { ...operator, timing: lookOnce(operator.timing, onTimeout) } };
    }
    default:
      return once;
  }
}

type Timing = NonNullable<GraphTask['sensor']>;

function lookOnce(timing: Timing, onTimeout: Timing['onTimeout']): Timing {
  return { ...timing, timeoutMs: 0, onTimeout };
}

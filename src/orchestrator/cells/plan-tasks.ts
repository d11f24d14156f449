import type { PipelineGraph } from '../../pipeline/graph.ts';
import { indexGraph } from '../runs/run-graph.ts';
import { namedTasks } from '../runs/selection.ts';

/** Which tasks a plan is about. */
export interface PlanTasks {
  /** Their cells decide which intervals are in the plan: those named, and everything after them. */
  readonly judged: ReadonlySet<string>;
  /**
   * What its runs carry out, in topological order; undefined: every task. Besides those judged, what they wait for where it
   * is not done; and of tasks on the data always all, because only all of them together publish.
   */
  readonly carriedOut: (isDone: (task: string) => boolean) => readonly string[] | undefined;
}

/** @throws TASK_UNKNOWN */
export function planTasks(graph: PipelineGraph, names: readonly string[] | undefined): PlanTasks {
  const all = graph.tasks.map((t) => t.name);
  if (names === undefined) return { judged: new Set(all), carriedOut: () => undefined };
  const judged = indexGraph(graph).closure(namedTasks(graph, names));
  return {
    judged,
    carriedOut: (isDone) => {
      const wanted = new Set(judged);
      const addBefore = (take: (task: string) => boolean): void => {
        // In reverse topological order whatever wants a task is seen before it.
        for (const task of graph.tasks.toReversed())
          if (wanted.has(task.name)) for (const before of task.after) if (take(before)) wanted.add(before);
      };
      addBefore((task) => !isDone(task));
      if (graph.tasks.some((t) => t.data && wanted.has(t.name))) {
        for (const task of graph.tasks) if (task.data) wanted.add(task.name);
        addBefore((task) => !isDone(task));
      }
      return wanted.size === all.length ? undefined : all.filter((name) => wanted.has(name));
    },
  };
}

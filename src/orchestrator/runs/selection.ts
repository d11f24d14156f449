import { SparkifyError } from '../../core/errors.ts';
import type { GraphTask, PipelineGraph } from '../../pipeline/graph.ts';
import type { RunRequest } from '../model/run-request.ts';

/** A task of a run and how many tasks of that run come directly before it. */
export interface SelectedTask {
  readonly task: GraphTask;
  readonly blockers: number;
}

/**
 * The tasks that a run has, in topological order: all, or those named (`only`; a group means its tasks) with everything they
 * wait for. A run of some tasks, or a dry run, has no task that publishes.
 * @throws TASK_UNKNOWN
 */
export function selectTasks(
  graph: PipelineGraph,
  request: Pick<RunRequest, 'only' | 'dryRun'>,
): readonly SelectedTask[] {
  const { only, dryRun } = request;
  const wanted = only === undefined ? undefined : upstream(graph, named(graph, only));
  const publishes = wanted === undefined && dryRun !== true;
  const chosen = graph.tasks.filter((t) => wanted?.has(t.name) !== false && (publishes || t.kind !== 'publish'));
  const names = new Set(chosen.map((t) => t.name));
  return chosen.map((task) => ({ task, blockers: new Set(task.after.filter((a) => names.has(a))).size }));
}

function named(graph: PipelineGraph, only: readonly string[]): readonly string[] {
  return only.flatMap((name) => {
    const meant = graph.tasks.filter((t) => t.name === name || t.group === name || t.group?.startsWith(`${name}.`));
    if (meant.length === 0) throw unknownTask(graph, name);
    return meant.map((t) => t.name);
  });
}

function upstream(graph: PipelineGraph, names: readonly string[]): ReadonlySet<string> {
  const wanted = new Set(names);
  // In reverse topological order whatever wants a task is seen before it.
  for (const task of graph.tasks.toReversed()) if (wanted.has(task.name)) for (const a of task.after) wanted.add(a);
  return wanted;
}

export function unknownTask(graph: PipelineGraph, task: string): SparkifyError {
  return new SparkifyError('TASK_UNKNOWN', {
    what: `Pipeline ${graph.pipeline}`,
    task,
    known: graph.tasks.map((t) => t.name),
  });
}

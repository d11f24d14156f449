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
 * wait for. A run of some tasks, or a dry run, has no task that publishes. With `tasks` it has these and no others, publishing
 * ones too.
 * @throws TASK_UNKNOWN
 */
export function selectTasks(
  graph: PipelineGraph,
  request: Pick<RunRequest, 'only' | 'tasks' | 'dryRun'>,
): readonly SelectedTask[] {
  const { only, tasks, dryRun } = request;
  if (tasks !== undefined && only === undefined) {
    const exactly = new Set(namedTasks(graph, tasks));
    return within(graph.tasks.filter((t) => exactly.has(t.name) && (dryRun !== true || t.kind !== 'publish')));
  }
  const wanted = only === undefined ? undefined : upstream(graph, namedTasks(graph, only));
  if (wanted !== undefined) return within(graph.tasks.filter((t) => wanted.has(t.name) && t.kind !== 'publish'));
  const left = dryRun === true ? publishing(graph) : new Set();
  return within(graph.tasks.filter((t) => !left.has(t.name)));
}

/** What publishes, and what only follows a publish. */
function publishing(graph: PipelineGraph): ReadonlySet<string> {
  const found = new Set<string>();
  for (const task of graph.tasks)
    if (task.kind === 'publish' || task.after.some((name) => found.has(name))) found.add(task.name);
  return found;
}

function within(chosen: readonly GraphTask[]): readonly SelectedTask[] {
  const names = new Set(chosen.map((t) => t.name));
  return chosen.map((task) => ({ task, blockers: new Set(task.after.filter((a) => names.has(a))).size }));
}

/** The tasks that names of tasks and groups mean. @throws TASK_UNKNOWN */
export function namedTasks(graph: PipelineGraph, names: readonly string[]): readonly string[] {
  return names.flatMap((name) => {
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

import type { GraphTask, PipelineGraph } from '../../pipeline/graph.ts';

/** These do nothing of their own: what they are there for is done when the data is. */
const HELPERS: ReadonlySet<string> = new Set(['marker', 'sensor', 'wait-for-objects', 'branch']);
/** These mean the same over one long interval as over its parts. */
const COALESCING: ReadonlySet<string> = new Set(['marker', 'sensor', 'wait-for-objects']);

/**
 * data: stands or falls with what is published. function: has its own outcome. after-data: so too, and works on what is
 * published.
 */
export type TaskRole = 'data' | 'function' | 'after-data';

/** How the state of each task's cells is told, in the order of the graph. */
export function taskRoles(graph: PipelineGraph): readonly TaskRole[] {
  if (!graph.tasks.some((t) => t.data)) return graph.tasks.map(() => 'function');
  const behind = new Set<string>();
  return graph.tasks.map((task) => {
    const after = task.data || task.after.some((name) => behind.has(name));
    if (after) behind.add(task.name);
    if (task.data || HELPERS.has(task.kind)) return 'data';
    return after ? 'after-data' : 'function';
  });
}

/** Whether one run over several intervals does the same as a run for each. */
export function coalesces(tasks: readonly GraphTask[]): boolean {
  return tasks.some((t) => t.data) && tasks.every((t) => t.data || COALESCING.has(t.kind));
}

import type { DataOperator } from '../pipeline/operator.ts';
import type { Task } from '../pipeline/task.ts';
import { createTables } from './create-tables.ts';
import { loadTable } from './load.ts';
import { publishBatch } from './publish.ts';
import { auditRun } from './quality.ts';
import type { RunState } from './run-state.ts';
import { runStage } from './stage.ts';

export { isDataOperator } from '../pipeline/operator.ts';

export interface DataTask extends Task {
  readonly operator: DataOperator;
}

/** How a task ended: one line for people, and whether its work was found done. */
export interface TaskOutcome {
  readonly detail: string;
  readonly resumed: boolean;
}

/**
 * Stagings that could be read while this task is carried out: beside a staging the others, beside one that creates tables
 * those that wait for it alone, since reading needs no tables. Not those that want a slot of a pool or another queue.
 */
export function stagingsBeside(task: Task, tasks: readonly Task[]): readonly DataTask[] {
  const { kind } = task.operator;
  if (kind !== 'stage' && kind !== 'create-tables') return [];
  const waitsForThis = ({ after, options }: Task): boolean =>
    after.length === 1 && after[0] === task.name && options.trigger === 'all_succeeded' && !options.dependsOnPast;
  return tasks.flatMap((t) => {
    const { operator, options } = t;
    if (operator.kind !== 'stage' || t.name === task.name) return [];
    if (options.pool !== undefined || options.queue !== task.options.queue) return [];
    return kind === 'stage' || waitsForThis(t) ? [{ ...t, operator }] : [];
  });
}

/** Carries out one task of a run that is open. */
export async function runDataTask(state: RunState, task: DataTask): Promise<TaskOutcome> {
  const { operator } = task;
  const once = (detail: string): TaskOutcome => ({ detail, resumed: false });
  switch (operator.kind) {
    case 'create-tables': {
      const created = [...state.created, ...(await createTables(state.options.warehouse, state.options.pipeline))];
      return once(created.length === 0 ? 'all there' : `created ${created.join(', ')}`);
    }
    case 'stage':
      return once(await runStage(state, task.name, operator.staging));
    case 'load-fact':
    case 'load-dimension':
    case 'sql':
      return loadTable(state, task.name, operator.table);
    case 'quality':
      return once(await auditRun(state));
    case 'publish':
      return once(await publishBatch(state));
  }
}

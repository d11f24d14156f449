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

/** Stagings that wait for this task alone. Reading needs no tables: beside one that creates them they can begin. */
export function stagingsAfter(task: Task, tasks: readonly Task[]): readonly DataTask[] {
  return tasks.flatMap((t) =>
    t.operator.kind === 'stage' &&
    t.after.length === 1 &&
    t.after[0] === task.name &&
    t.options.trigger === 'all_succeeded'
      ? [{ ...t, operator: t.operator }]
      : [],
  );
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

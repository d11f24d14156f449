import { SparkifyError } from '../core/errors.ts';
import { isNamed, type TaskDeclaration } from './task.ts';

/** The tasks that wait for this one directly, in the order given. */
export function directlyAfter<T extends TaskDeclaration>(tasks: readonly T[], task: string): readonly T[] {
  return tasks.filter((t) => t.after.includes(task));
}

/**
 * Names of the tasks directly after a branch that go on, from names of tasks or groups.
 * @throws BRANCH_UNKNOWN
 */
export function chosenTasks(tasks: readonly TaskDeclaration[], branch: string, choice: unknown): readonly string[] {
  const next = directlyAfter(tasks, branch);
  const names: readonly unknown[] = Array.isArray(choice) ? choice : [choice];
  const chosen = new Set<string>();
  for (const name of names) {
    const meant = typeof name === 'string' ? next.filter((t) => isNamed(t, name)) : [];
    if (meant.length === 0) {
      const groups = next.flatMap((t) => t.group ?? []);
      throw new SparkifyError('BRANCH_UNKNOWN', {
        task: branch,
        chosen: typeof name === 'string' ? `"${name}"` : String(name),
        known: [...new Set([...next.map((t) => t.name), ...groups])],
      });
    }
    for (const t of meant) chosen.add(t.name);
  }
  return next.filter((t) => chosen.has(t.name)).map((t) => t.name);
}

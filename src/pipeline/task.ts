import type { OperatorSpec } from './operator.ts';
import type { ResolvedTaskOptions, TaskOptions } from './task-options.ts';

/** A node of the DAG as it is written. */
export interface TaskDeclaration {
  readonly name: string;
  readonly operator: OperatorSpec;
  /** Names of the tasks that come before it. */
  readonly after: readonly string[];
  readonly group?: string;
  /** Options as given. */
  readonly given: TaskOptions;
}

/** A node of the DAG of a resolved pipeline. */
export interface Task extends TaskDeclaration {
  /** In full: with the pipeline's defaults and the built-in ones. */
  readonly options: ResolvedTaskOptions;
}

/** A task or several, as something others can come after. */
export interface TaskSet {
  readonly tasks: readonly TaskDeclaration[];
}

/** The last argument of a builder: another name for the task, or options with or without one. */
export type NamedOptions = string | (TaskOptions & { readonly name?: string });

/** One task; its options stand last in every builder. */
export function single(name: string, operator: OperatorSpec, given: TaskOptions = {}): TaskSet {
  return { tasks: [{ name, operator, after: [], given }] };
}

/** Several task sets side by side under one name. */
export function group(name: string, members: readonly TaskSet[]): TaskSet {
  return {
    tasks: members
      .flatMap((m) => m.tasks)
      .map((t) => ({ ...t, group: t.group === undefined ? name : `${name}.${t.group}` })),
  };
}

/** Tasks without an order between them. */
export function together(...members: readonly TaskSet[]): TaskSet {
  return { tasks: members.flatMap((m) => m.tasks) };
}

/** Each argument comes after the whole of the one before it. */
export function chain(...steps: readonly (TaskSet | readonly TaskSet[])[]): TaskSet {
  const tasks: TaskDeclaration[] = [];
  let lasts: readonly string[] = [];
  for (const step of steps) {
    const members: readonly TaskDeclaration[] = 'tasks' in step ? step.tasks : step.flatMap((s) => s.tasks);
    if (members.length === 0) continue;
    const inside = new Set(members.map((t) => t.name));
    const before = lasts;
    for (const t of members) {
      const isFirst = !t.after.some((a) => inside.has(a));
      tasks.push(isFirst ? { ...t, after: [...t.after, ...before] } : t);
    }
    lasts = members.filter((t) => !members.some((o) => o.after.includes(t.name))).map((t) => t.name);
  }
  return { tasks };
}

/** Is the task, or a group it is in, called so? A group in a group is `outer.inner`. */
export function isNamed(task: TaskDeclaration, name: string): boolean {
  return task.name === name || task.group === name || task.group?.startsWith(`${name}.`) === true;
}

import type { Check } from './check.ts';
import type { Calendar, Dimension, Fact, SqlTable, Staging } from './tables.ts';

/** What a task does: an operator with its options. A new operator adds a member here and a runner in operators/. */
export type OperatorSpec =
  | { readonly kind: 'create-tables' }
  | { readonly kind: 'stage'; readonly staging: Staging }
  | { readonly kind: 'load-fact'; readonly table: Fact }
  /** `mode` is the classic switch; both modes end in the same rows (see docs/pipelines.md). */
  | {
      readonly kind: 'load-dimension';
      readonly table: Dimension | Calendar;
      readonly mode: 'append' | 'delete-and-load';
    }
  | { readonly kind: 'sql'; readonly table: SqlTable }
  | { readonly kind: 'quality'; readonly checks: readonly Check[] }
  | { readonly kind: 'publish' }
  /** Runs at least once; `idempotencyKey` is the same for every attempt at the same interval. */
  | { readonly kind: 'function'; readonly run: (context: FunctionContext) => Promise<void> | void };

export interface FunctionContext {
  readonly pipeline: string;
  readonly task: string;
  readonly interval: { readonly startMs: number; readonly endMs: number };
  readonly idempotencyKey: string;
  readonly signal: AbortSignal;
  /** Shown as progress of the task. */
  log(message: string): void;
}

/** A node of the DAG. */
export interface Task {
  readonly name: string;
  readonly operator: OperatorSpec;
  /** Names of the tasks that come before it. */
  readonly after: readonly string[];
  readonly group?: string;
}

/** A task or several, as something others can come after. */
export interface TaskSet {
  readonly tasks: readonly Task[];
}

function single(name: string, operator: OperatorSpec): TaskSet {
  return { tasks: [{ name, operator, after: [] }] };
}

export const createTables = (name = 'create_tables'): TaskSet => single(name, { kind: 'create-tables' });
export const stage = (table: Staging, name: string = table.name.replace(/^staging_/, 'stage_')): TaskSet =>
  single(name, { kind: 'stage', staging: table });
export const loadFact = (table: Fact, name = `load_${table.name}`): TaskSet =>
  single(name, { kind: 'load-fact', table });
export const loadDimension = (
  table: Dimension | Calendar,
  options: { name?: string; mode?: 'append' | 'delete-and-load' } = {},
): TaskSet =>
  single(options.name ?? `load_${table.name}`, { kind: 'load-dimension', table, mode: options.mode ?? 'append' });
export const loadSql = (table: SqlTable, name = `load_${table.name}`): TaskSet => single(name, { kind: 'sql', table });
export const quality = (checks: readonly Check[] = [], name = 'quality'): TaskSet =>
  single(name, { kind: 'quality', checks });
export const publish = (name = 'publish'): TaskSet => single(name, { kind: 'publish' });
export const call = (name: string, run: (context: FunctionContext) => Promise<void> | void): TaskSet =>
  single(name, { kind: 'function', run });

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
  const tasks: Task[] = [];
  let lasts: readonly string[] = [];
  for (const step of steps) {
    const members: readonly Task[] = 'tasks' in step ? step.tasks : step.flatMap((s) => s.tasks);
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

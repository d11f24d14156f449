import { SparkifyError } from '../core/errors.ts';
import { directlyAfter } from './branching.ts';
import { upstreamClosure } from './dag.ts';
import { isDataOperator } from './operator.ts';
import type { SqlTable } from './tables.ts';
import type { Task } from './task.ts';
import { taskOptionsProblem } from './task-options.ts';

/** Whatever can be wrong in tasks and their options before any of them runs. @throws PIPELINE_INVALID */
export function validateTasks(pipeline: string, tasks: readonly Task[], pools: Readonly<Record<string, number>>): void {
  const fail: Fail = (detail, fix) => {
    throw new SparkifyError('PIPELINE_INVALID', { pipeline, detail, ...(fix === undefined ? {} : { fix }) });
  };
  for (const [pool, slots] of Object.entries(pools)) {
    if (!Number.isSafeInteger(slots) || slots < 1)
      fail(`pool ${pool} has ${slots} slots, so no task could ever run in it`, 'Give it a whole number from 1 on.');
  }
  for (const task of tasks) {
    const { name, operator, options } = task;
    if (!/^[\p{L}\p{N}_][\p{L}\p{N}_.-]*$/u.test(name))
      fail(`"${name}" is no name of a task`, 'Letters, digits, "_", "-" and "." make one.');
    const problem = taskOptionsProblem(options) ?? operatorProblem(task, tasks);
    if (problem !== undefined) fail(`task ${name}: ${problem}`);
    const slots = options.pool === undefined ? undefined : pools[options.pool];
    if (slots !== undefined && options.poolSlots > slots)
      fail(
        `task ${name} takes ${options.poolSlots} slots of pool ${options.pool}, which has ${slots}`,
        'Give the pool more slots, or let the task take fewer.',
      );
    if (operator.kind === 'publish') requireAudit(task, tasks, fail);
    if (usesBatch(operator)) requireStaged(task, tasks, fail);
    if (operator.kind === 'sql') requireRead(task, operator.table, tasks, fail);
    if (operator.kind === 'stage') {
      const { staging } = operator;
      const other = tasks.find((t) => t.operator.kind === 'stage' && t.operator.staging.name === staging.name);
      if (other !== task) fail(`${other!.name} and ${name} both stage ${staging.name}`, 'One of them is enough.');
    }
  }
}

type Fail = (detail: string, fix?: string) => never;

/** What a run publishes is settled when the first of these begins. */
function usesBatch({ kind }: Task['operator']): boolean {
  return isLoad(kind) || kind === 'quality' || kind === 'publish';
}

function isLoad(kind: Task['operator']['kind']): boolean {
  return kind === 'load-fact' || kind === 'load-dimension' || kind === 'sql';
}

/** What was staged after it would be left to the next run, while its time counts as published. */
function requireStaged(task: Task, tasks: readonly Task[], fail: Fail): void {
  const before = upstreamClosure(tasks, [task.name]);
  const late = tasks.find((t) => t.operator.kind === 'stage' && !before.has(t.name));
  if (late !== undefined)
    fail(
      `${task.name} could begin before ${late.name} has ended, and would not know what that one staged`,
      'Put all tasks that stage before the first that loads: chain(createTables(), [stage(…), stage(…)], loadFact(…), …).',
    );
}

function operatorProblem(task: Task, tasks: readonly Task[]): string | undefined {
  const { operator } = task;
  switch (operator.kind) {
    case 'branch':
      return directlyAfter(tasks, task.name).length === 0 ? 'it is a branch, and nothing comes after it' : undefined;
    case 'sensor':
    case 'wait-for-objects':
      if (operator.timing.everyMs < 1) return 'it would look without a pause; `every` must be longer than 0';
      return operator.timing.timeoutMs < 1 ? 'its timeout is 0; without waiting, `call` does the same' : undefined;
    case 'thread':
      return operator.module.startsWith('file:')
        ? undefined
        : `"${operator.module}" is no module; write new URL('./file.ts', import.meta.url)`;
    default:
      return undefined;
  }
}

/** A table of free SQL sees the star as it will be, of what is loaded by then. */
function requireRead(task: Task, table: SqlTable, tasks: readonly Task[], fail: Fail): void {
  const before = upstreamClosure(tasks, [task.name]);
  for (const { name, operator } of tasks) {
    if (name === task.name || before.has(name) || !('table' in operator)) continue;
    const read = operator.table;
    if (!mentions(table.sql, read.name)) continue;
    // Of two that mention each other one mentions but a column.
    if (read.kind === 'sql' && mentions(read.sql, table.name)) continue;
    fail(
      `${task.name} could begin before ${name} has ended, and its SQL reads ${read.name}`,
      `Put ${name} before ${task.name}.`,
    );
  }
}

function mentions(sql: string, name: string): boolean {
  const words = sql.replace(/'[^']*'|--.*$/gmu, ' ').match(/[\p{L}\p{N}_$]+/gu) ?? [];
  return words.some((word) => word.toLowerCase() === name.toLowerCase());
}

/**
 * Nothing unaudited is published: a data task before a publish must stop it when it fails or is skipped, whatever the
 * triggers in between. That holds along a way on which each task, the publish included, wants all before it succeeded.
 */
function requireAudit(publish: Task, tasks: readonly Task[], fail: Fail): void {
  const byName = new Map(tasks.map((t) => [t.name, t]));
  const stopping = new Set<string>();
  const visit = (task: Task): void => {
    if (stopping.has(task.name)) return;
    stopping.add(task.name);
    if (task.options.trigger !== 'all_succeeded') return;
    for (const before of task.after) visit(byName.get(before)!);
  };
  visit(publish);
  const before = upstreamClosure(tasks, [publish.name]);
  const audits = tasks.filter((t) => t.operator.kind === 'quality' && before.has(t.name));
  const judged = audits.map((audit) => upstreamClosure(tasks, [audit.name]));
  const unjudged = tasks.find((t) => isLoad(t.operator.kind) && !judged.some((names) => names.has(t.name)));
  if (unjudged !== undefined)
    fail(
      `${publish.name} would publish what ${unjudged.name} loads before anything has audited it`,
      `Put quality() between ${unjudged.name} and ${publish.name}.`,
    );
  const unheeded = tasks.find((t) => before.has(t.name) && !stopping.has(t.name) && isDataOperator(t.operator));
  if (unheeded !== undefined)
    fail(
      `${publish.name} would run although ${unheeded.name} had failed or was skipped`,
      `Let ${publish.name} come after ${unheeded.name} by tasks with the trigger all_succeeded; what runs in any case belongs beside or after it.`,
    );
}

import { SparkifyError } from '../core/errors.ts';
import { upstreamClosure } from './dag.ts';
import { isDataOperator } from './operator.ts';
import type { SqlTable, Staging, StarTable } from './tables.ts';
import type { Task } from './task.ts';

type Fail = (detail: string, fix?: string) => never;

/** What a pipeline is made of. */
interface Parts {
  readonly stagings: readonly Staging[];
  readonly tables: readonly StarTable[];
}

/**
 * What must come before what, so that everything a publish brings is whole, and audited: staged before the first load, loaded
 * before what is derived from it, judged before it is seen. @throws PIPELINE_INVALID
 */
export function validateOrder(pipeline: string, tasks: readonly Task[], parts: Parts): void {
  const fail: Fail = (detail, fix) => {
    throw new SparkifyError('PIPELINE_INVALID', { pipeline, detail, ...(fix === undefined ? {} : { fix }) });
  };
  for (const task of tasks) {
    const { operator } = task;
    if (operator.kind === 'stage') requireAlone(task, operator.staging, tasks, fail);
    const table = tableOf(task);
    if (table === undefined && operator.kind !== 'quality' && operator.kind !== 'publish') continue;
    const before = upstreamClosure(tasks, [task.name]);
    requireStaged(task, before, tasks, fail);
    if (table !== undefined) requireSources(task, table, before, tasks, fail);
    if (operator.kind !== 'publish') continue;
    requireWhole(task, before, tasks, parts, fail);
    requireAudit(task, before, tasks, fail);
  }
}

/** What it loads, if it does. */
function tableOf({ operator }: Task): StarTable | undefined {
  return 'table' in operator ? operator.table : undefined;
}

function requireAlone(task: Task, staging: Staging, tasks: readonly Task[], fail: Fail): void {
  const first = tasks.find((t) => t.operator.kind === 'stage' && t.operator.staging.name === staging.name)!;
  if (first !== task) fail(`${first.name} and ${task.name} both stage ${staging.name}`, 'One of them is enough.');
}

/** The first of these settles what a run publishes: what was staged later would be left out, while its time counts as published. */
function requireStaged(task: Task, before: ReadonlySet<string>, tasks: readonly Task[], fail: Fail): void {
  const late = tasks.find((t) => t.operator.kind === 'stage' && !before.has(t.name));
  if (late !== undefined)
    fail(
      `${task.name} could begin before ${late.name} has ended, and would not know what that one staged`,
      'Put all tasks that stage before the first that loads: chain(createTables(), [stage(…), stage(…)], loadFact(…), …).',
    );
}

/** A calendar and a table of free SQL see the star as it will be, of what is loaded by then. */
function requireSources(
  task: Task,
  table: StarTable,
  before: ReadonlySet<string>,
  tasks: readonly Task[],
  fail: Fail,
): void {
  for (const other of tasks) {
    const read = tableOf(other);
    if (read === undefined || read.name === table.name || before.has(other.name)) continue;
    const derives =
      table.kind === 'calendar' ? table.of.name === read.name : table.kind === 'sql' && reads(table, read);
    if (derives)
      fail(
        `${task.name} could begin before ${other.name} has ended, and ${table.name} is made of ${read.name}`,
        `Put ${other.name} before ${task.name}.`,
      );
  }
}

/** Of two that mention each other, one mentions a column only. */
function reads(table: SqlTable, other: StarTable): boolean {
  return mentions(table.sql, other.name) && !(other.kind === 'sql' && mentions(other.sql, table.name));
}

function mentions(sql: string, name: string): boolean {
  const words = sql.replace(/'[^']*'|--.*$|\/\*[\s\S]*?\*\//gmu, ' ').match(/[\p{L}\p{N}_$]+/gu) ?? [];
  return words.some((word) => word.toLowerCase() === name.toLowerCase());
}

/** A table that nothing loads and a staging that nothing reads would be published as if nothing had come. */
function requireWhole(
  publish: Task,
  before: ReadonlySet<string>,
  tasks: readonly Task[],
  { stagings, tables }: Parts,
  fail: Fail,
): void {
  const earlier = tasks.filter((t) => before.has(t.name));
  const unread = stagings.find(
    (s) => !earlier.some((t) => t.operator.kind === 'stage' && t.operator.staging.name === s.name),
  );
  if (unread !== undefined)
    fail(
      `${publish.name} comes after no task that stages ${unread.name}`,
      `Add stage(…) of ${unread.name}, or leave it out.`,
    );
  const unloaded = tables.find((table) => !earlier.some((t) => tableOf(t)?.name === table.name));
  if (unloaded !== undefined)
    fail(
      `${publish.name} comes after no task that loads ${unloaded.name}`,
      'Put it after the tasks that load every table.',
    );
}

/**
 * Nothing unaudited is published: an audit comes after every load, and a data task before a publish stops it when it fails or
 * is skipped, whatever the triggers in between. That holds along a way on which each task, the publish included, wants all
 * before it succeeded.
 */
function requireAudit(publish: Task, before: ReadonlySet<string>, tasks: readonly Task[], fail: Fail): void {
  const audits = tasks.filter((t) => t.operator.kind === 'quality' && before.has(t.name));
  const judged = audits.map((audit) => upstreamClosure(tasks, [audit.name]));
  const unjudged = tasks.find((t) => tableOf(t) !== undefined && !judged.some((names) => names.has(t.name)));
  if (unjudged !== undefined)
    fail(
      `${publish.name} would publish what ${unjudged.name} loads before anything has audited it`,
      `Put quality() between ${unjudged.name} and ${publish.name}.`,
    );
  const byName = new Map(tasks.map((t) => [t.name, t]));
  const stopping = new Set<string>();
  const visit = (task: Task): void => {
    if (stopping.has(task.name)) return;
    stopping.add(task.name);
    if (task.options.trigger !== 'all_succeeded') return;
    for (const name of task.after) visit(byName.get(name)!);
  };
  visit(publish);
  const unheeded = tasks.find((t) => before.has(t.name) && !stopping.has(t.name) && isDataOperator(t.operator));
  if (unheeded !== undefined)
    fail(
      `${publish.name} would run although ${unheeded.name} had failed or was skipped`,
      `Let ${publish.name} come after ${unheeded.name} by tasks with the trigger all_succeeded; what runs in any case belongs beside or after it.`,
    );
}

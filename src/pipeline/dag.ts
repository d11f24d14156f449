import { SparkifyError } from '../core/errors.ts';
import type { TaskDeclaration } from './task.ts';

/**
 * The tasks in an order in which each comes after those it waits for; among the ready ones, declaration order.
 * @throws PIPELINE_INVALID for a doubled name or an unknown dependency
 * @throws PIPELINE_CYCLE with the path of the circle
 */
export function topologicalOrder<T extends TaskDeclaration>(pipeline: string, tasks: readonly T[]): readonly T[] {
  const byName = new Map<string, T>();
  for (const task of tasks) {
    if (byName.has(task.name))
      throw new SparkifyError('PIPELINE_INVALID', {
        pipeline,
        detail: `two tasks are called ${task.name}`,
        fix: 'Give one of them another name.',
      });
    byName.set(task.name, task);
  }
  for (const task of tasks) {
    for (const before of task.after) {
      if (!byName.has(before)) {
        throw new SparkifyError('PIPELINE_INVALID', {
          pipeline,
          detail: `task ${task.name} comes after ${before}, which is no task of it`,
          fix: 'Add that task or correct its name.',
        });
      }
    }
  }
  const done = new Set<string>();
  const order: T[] = [];
  while (order.length < tasks.length) {
    const ready = tasks.find((t) => !done.has(t.name) && t.after.every((a) => done.has(a)));
    if (ready === undefined) throw new SparkifyError('PIPELINE_CYCLE', { pipeline, path: findCycle(byName, done) });
    done.add(ready.name);
    order.push(ready);
  }
  return order;
}

function findCycle(byName: ReadonlyMap<string, TaskDeclaration>, done: ReadonlySet<string>): readonly string[] {
  const start = [...byName.keys()].find((n) => !done.has(n))!;
  const path: string[] = [];
  let at = start;
  while (!path.includes(at)) {
    path.push(at);
    at = byName.get(at)!.after.find((a) => !done.has(a))!;
  }
  // The walk goes against the arrows; turn it so that it reads in running order.
  return [...path.slice(path.indexOf(at)), at].reverse();
}

/** The named tasks and everything they wait for. */
export function upstreamClosure(tasks: readonly TaskDeclaration[], names: readonly string[]): ReadonlySet<string> {
  const byName = new Map(tasks.map((t) => [t.name, t]));
  const closure = new Set<string>();
  const visit = (name: string): void => {
    if (closure.has(name)) return;
    closure.add(name);
    for (const before of byName.get(name)?.after ?? []) visit(before);
  };
  names.forEach(visit);
  return closure;
}

import { expect, test } from 'vitest';
import { stagingsBeside } from '../../src/operators/data-task.ts';
import { createTables, stage } from '../../src/pipeline/data-tasks.ts';
import { marker } from '../../src/pipeline/function-tasks.ts';
import type { Staging } from '../../src/pipeline/tables.ts';
import { chain, type TaskSet } from '../../src/pipeline/task.ts';
import type { TaskOptions } from '../../src/pipeline/task-options.ts';
import { visits, withTasks } from '../pipeline/one-table.ts';

const more: Staging = { ...visits, name: 'staging_more' };

function beside(name: string, tasks: TaskSet): readonly string[] {
  const pipeline = withTasks(tasks, { pools: { bucket: 1 } }, [visits, more]);
  return stagingsBeside(pipeline.tasks.find((t) => t.name === name)!, pipeline.tasks).map((t) => t.name);
}
const twoStagings = (options: TaskOptions = {}): TaskSet =>
  chain(createTables(), [stage(visits), stage(more, options)]);

test('stagings can be read beside each other, and while the tables are created that they wait for', () => {
  expect(beside('create_tables', twoStagings())).toEqual(['stage_visits', 'stage_more']);
  expect(beside('stage_visits', twoStagings())).toEqual(['stage_more']);
  expect(beside('stage_more', twoStagings())).toEqual(['stage_visits']);
});

test('one that wants a slot of a pool or another queue is read at its turn', () => {
  for (const options of [{ pool: 'bucket' }, { queue: 'near_the_bucket' }]) {
    expect(beside('create_tables', twoStagings(options))).toEqual(['stage_visits']);
    expect(beside('stage_visits', twoStagings(options))).toEqual([]);
  }
});

test('beside the creating of tables only what waits for that alone', () => {
  expect(beside('create_tables', twoStagings({ dependsOnPast: true }))).toEqual(['stage_visits']);
  expect(beside('create_tables', twoStagings({ trigger: 'all_done' }))).toEqual(['stage_visits']);
  const waiting = chain([createTables(), marker('ready')], [stage(visits), stage(more)]);
  expect(beside('create_tables', waiting)).toEqual([]);
  expect(beside('stage_visits', waiting)).toEqual(['stage_more']);
});

test('beside anything else nothing is read', () => {
  expect(beside('begin', chain(marker('begin'), stage(visits), stage(more)))).toEqual([]);
});

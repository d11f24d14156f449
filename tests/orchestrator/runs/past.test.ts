import { expect, test } from 'vitest';
import { markTask } from '../../../src/orchestrator/runs/mark-task.ts';
import { retryRun } from '../../../src/orchestrator/runs/retry-run.ts';
import { graphFrom, graphOfTasks, graphTask } from '../graphs.ts';
import { DAY_MS, done, failing, openRunWorld } from '../run-world.ts';
import { eachStore } from '../stores.ts';

const graph = graphOfTasks([graphTask('stage'), graphTask('load', { after: ['stage'], dependsOnPast: true })]);

eachStore((_engine, open) => {
  test('a task that depends on its past waits for itself in the interval before; the first interval is free', async () => {
    const world = await openRunWorld(open);
    const first = await world.start(graph, { day: 0 });
    const second = await world.start(graph, { day: 1 });
    expect(await world.task(first, 'load')).toMatchObject({ past_ms: null, blockers: 1 });
    expect(await world.task(second, 'load')).toMatchObject({ past_ms: DAY_MS, blockers: 2 });
    const stages = await world.claim();
    for (const each of stages) await world.end(each, done);
    expect((await world.task(first, 'load')).state).toBe('ready');
    expect((await world.task(second, 'load')).state).toBe('waiting');
    const [load] = await world.claim();
    expect(load!.row.run_id).toBe(first);
    await world.end(load!, done);
    expect(await world.task(second, 'load')).toMatchObject({ state: 'ready', past_ms: null, blockers: 0 });
    const third = await world.start(graph, { day: 2 });
    await world.work();
    expect((await world.run(third)).state).toBe('succeeded');
    expect(await world.task(await world.start(graph, { day: 3 }), 'load')).toMatchObject({ past_ms: null });
  });

  test('a failure in the past keeps waiting; its retry, its mark, or another run of that interval frees', async () => {
    const world = await openRunWorld(open);
    for (const repair of ['retry', 'mark', 'run']) {
      const failed = await world.start(graph, { day: 10 });
      await world.work((t) => (t.task === 'load' ? failing(false) : done));
      const next = await world.start(graph, { day: 11 });
      await world.work();
      expect([repair, (await world.task(next, 'load')).state]).toEqual([repair, 'waiting']);
      if (repair === 'retry') await world.write((tx) => retryRun(tx, world.graphs, failed, { by: 'ada' }));
      if (repair === 'mark')
        await world.write((tx) => markTask(tx, world.graphs, failed, 'load', { state: 'succeeded', by: 'ada' }));
      if (repair === 'run') await world.start(graph, { day: 10 });
      await world.work();
      expect([repair, (await world.run(next)).state]).toEqual([repair, 'succeeded']);
      await world.write(async (tx) => {
        await tx.run('delete from runs');
        await tx.run('delete from cells');
      });
    }
  });

  test('intervals that were passed over do not count, and a skip is no hindrance', async () => {
    const world = await openRunWorld(open);
    await world.start(graph, { day: 0 });
    await world.work((t) => (t.task === 'load' ? { state: 'skipped', reason: 'nothing to do' } : done));
    expect(await world.task(await world.start(graph, { day: 7 }), 'load')).toMatchObject({ past_ms: null });
  });

  test('a run of several intervals is the past of the one after them', async () => {
    const world = await openRunWorld(open);
    const cells = [0, 1].map((d) => ({ startMs: d * DAY_MS, endMs: (d + 1) * DAY_MS }));
    const both = await world.start(graph, { kind: 'backfill', interval: { startMs: 0, endMs: 2 * DAY_MS }, cells });
    const next = await world.start(graph, { day: 2 });
    expect(await world.task(next, 'load')).toMatchObject({ past_ms: 2 * DAY_MS });
    await world.work();
    expect([(await world.run(both)).state, (await world.run(next)).state]).toEqual(['succeeded', 'succeeded']);
  });

  test('outcomes outlive their runs', async () => {
    const world = await openRunWorld(open);
    await world.start(graph, { day: 0 });
    await world.work((t) => (t.task === 'load' ? failing(false) : done));
    await world.write((tx) => tx.run('delete from runs'));
    expect(await world.task(await world.start(graph, { day: 1 }), 'load')).toMatchObject({ past_ms: DAY_MS });
  });

  test('whoever was forgotten is found by the sweep: here the past was made by a version that knew of no dependence', async () => {
    const world = await openRunWorld(open);
    const before = graphFrom('stage, load after stage');
    await world.start(before, { day: 0 });
    const next = await world.start(graph, { day: 1 });
    await world.work();
    expect((await world.task(next, 'load')).state).toBe('waiting');
    await world.queue.expire();
    expect((await world.task(next, 'load')).state).toBe('ready');
  });
});

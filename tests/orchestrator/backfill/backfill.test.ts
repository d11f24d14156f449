import { describe, expect, test } from 'vitest';
import { backfillStep } from '../../../src/orchestrator/backfill/backfill-step.ts';
import { cancelBackfill, pauseBackfill, resumeBackfill } from '../../../src/orchestrator/backfill/change-backfill.ts';
import { createBackfill } from '../../../src/orchestrator/backfill/create-backfill.ts';
import { cellsOfBackfill, findBackfill, listBackfills } from '../../../src/orchestrator/backfill/read-backfills.ts';
import { cancelRun } from '../../../src/orchestrator/runs/cancel-run.ts';
import { retryRun } from '../../../src/orchestrator/runs/retry-run.ts';
import { createRunGraphs } from '../../../src/orchestrator/runs/run-graph.ts';
import { every } from '../../../src/pipeline/schedule.ts';
import { dataGraph, mixedGraph } from '../cells/facts.ts';
import { graphFrom, graphOfTasks, graphTask } from '../graphs.ts';
import { done, type Ending, failing } from '../run-world.ts';
import { eachStore } from '../stores.ts';
import { type BackfillWorld, openBackfillWorld } from './backfill-world.ts';

const daily = every('1 day', { start: '2018-11-01' });
const day = (n: number): string => `2018-11-${String(n).padStart(2, '0')}`;
const code = (of: string): Ending => ({
  state: 'failed',
  error: { code: of, message: `${of} it says`, remedy: 'Mend it.', retryable: false },
});

eachStore((engine, open) => {
  /** What the engines cannot do differently is tried on one of them. */
  const once = (name: string, body: () => Promise<void>): void => {
    if (engine === 'sqlite') test(name, body);
  };
  const simple = graphFrom('a, b after a', { schedule: daily, maxActiveRuns: 3 });
  const start = async (graph = simple): Promise<BackfillWorld> => {
    const world = await openBackfillWorld(open);
    await world.register(graph);
    return world;
  };

  describe('a backfill', () => {
    test('does the cells of its plan, in order, and ends as they did', async () => {
      const world = await start();
      const plan = await world.plan(day(1), day(6));
      expect(plan.runs).toHaveLength(5);
      const id = await world.backfill(plan);
      expect(await findBackfill(world.store.db, id)).toMatchObject({
        row: { state: 'running', max_active: 3, priority: 20, requested_by: 'ada', scope: 'open', tasks_json: null },
        counts: { planned: 5 },
        waits: undefined,
      });
      await world.go();
      expect(await world.runs()).toEqual([1, 2, 3, 4, 5].map((n) => `${day(n)}/${day(n + 1)}: a b`));
      expect(await world.cells(id)).toEqual([1, 2, 3, 4, 5].map((n) => `${day(n)} succeeded`));
      expect(await world.state(id)).toBe('succeeded');
      expect((await world.plan(day(1), day(6))).counts).toEqual({
        done: 5,
        missing: 0,
        failed: 0,
        stale: 0,
        running: 0,
      });
      expect((await world.events()).filter((e) => e.startsWith('backfill'))).toEqual([
        'backfill.created',
        'backfill.started',
        'backfill.ended',
      ]);
      expect((await world.run(1)).kind).toBe('backfill');
    });

    once('of nothing is not made', async () => {
      const world = await start();
      await world.backfill(await world.plan(day(1), day(3)));
      await world.go();
      const plan = await world.plan(day(1), day(3));
      expect(plan.runs).toEqual([]);
      expect(await createBackfill(world.store, plan, { requestedBy: 'ada' })).toBeUndefined();
    });

    once('takes the newest first when asked', async () => {
      const world = await start();
      await world.backfill(await world.plan(day(1), day(4), { newestFirst: true }));
      await world.go();
      expect(await world.runs()).toEqual([3, 2, 1].map((n) => `${day(n)}/${day(n + 1)}: a b`));
    });

    once('never has more runs under way than it may', async () => {
      const world = await start();
      const id = await world.backfill(await world.plan(day(1), day(11)), { maxActive: 2 });
      const most = new Set<number>();
      for (;;) {
        await world.step();
        const running = await world.store.db.selectFrom('runs').select('id').where('state', '=', 'running').execute();
        most.add(running.length);
        const [claimed] = await world.claim({ limit: 1 });
        if (claimed === undefined) break;
        await world.end(claimed, done);
      }
      expect(Math.max(...most)).toBe(2);
      expect(await world.state(id)).toBe('succeeded');
    });

    once('goes behind the schedule', async () => {
      const world = await start();
      await world.backfill(await world.plan(day(1), day(3)));
      await world.create(simple, { kind: 'scheduled', priority: 10, day: 20_000 });
      await world.step();
      const claimed = await world.claim({ limit: 3 });
      expect(claimed.map((c) => c.row.priority)).toEqual([10, 20, 20]);
    });

    test('does only the tasks of its plan', async () => {
      const world = await start(mixedGraph({ schedule: daily }));
      const graph = mixedGraph();
      await world.publish(graph, { startMs: Date.UTC(2018, 10, 1), endMs: Date.UTC(2018, 10, 3) });
      const id = await world.backfill(await world.plan(day(1), day(3), { tasks: ['export'] }));
      await world.go();
      expect(await world.runs()).toEqual([`${day(1)}/${day(2)}: export`, `${day(2)}/${day(3)}: export`]);
      expect(await world.state(id)).toBe('succeeded');
      expect((await findBackfill(world.store.db, id)).row.tasks_json).toBe('["export"]');
      const after = await world.plan(day(1), day(3));
      expect(after.cells[0]!.cells.filter((c) => c.state !== 'done').map((c) => c.task)).toEqual(['fetch']);
    });

    test('promises its cells: no other plan has them, and one that had them is refused', async () => {
      const world = await start();
      const [first, second] = [await world.plan(day(1), day(3)), await world.plan(day(2), day(4))];
      const id = await world.backfill(first);
      await expect(world.backfill(second)).rejects.toMatchObject({
        code: 'BACKFILL_OVERLAPS',
        params: { interval: `${day(2)}/${day(3)}`, other: id },
      });
      const third = await world.plan(day(1), day(4));
      expect(third.cells.map((c) => c.chosen)).toEqual([false, false, true]);
      expect(third.notes).toContain(`2 intervals are planned by backfill ${id} already and not in the plan.`);
      await world.step();
      expect((await world.plan(day(1), day(4))).counts).toMatchObject({ running: 2, missing: 1 });
    });

    test('says what was wrong with the question', async () => {
      const world = await start();
      const plan = await world.plan(day(1), day(3));
      await expect(world.backfill(plan, { maxActive: 0 })).rejects.toMatchObject({ code: 'USAGE' });
      await expect(world.backfill({ ...plan, pipeline: 'nope' })).rejects.toMatchObject({ code: 'PIPELINE_GONE' });
      await expect(world.plan('2018-11-01T07:00Z', day(3))).rejects.toMatchObject({
        code: 'INTERVAL_OFF_GRID',
        params: { near: `${day(1)}/${day(3)}` },
      });
      await expect(world.plan(day(3), day(3))).rejects.toMatchObject({ code: 'INTERVAL_INVALID' });
      await expect(world.plan(day(1), day(3), { tasks: ['z'] })).rejects.toMatchObject({ code: 'TASK_UNKNOWN' });
      const blocked = { code: 'REBUILD_FIRST', message: '', remedy: '' };
      await expect(world.backfill({ ...plan, blocked })).rejects.toMatchObject({ code: 'REBUILD_FIRST' });
      for (const change of [
        () => pauseBackfill(world.store, 9, 'ada'),
        () => resumeBackfill(world.store, 9, 'ada'),
        () => cancelBackfill(world.store, world.graphs, 9, 'ada'),
        () => findBackfill(world.store.db, 9),
      ])
        await expect(change()).rejects.toMatchObject({ code: 'BACKFILL_UNKNOWN' });
    });
  });

  describe('cells of one run', () => {
    const graph = dataGraph({ schedule: daily });
    /** Quality refuses every run that has the 5th in it. */
    const badDay =
      (of: Ending) =>
      (task: { readonly task: string }, interval: string): Ending => {
        const [from = '', to = ''] = interval.split('/');
        return task.task === 'quality' && from <= day(5) && to > day(5) ? of : done;
      };

    test('that meet bad data are done one by one, so that only the bad one fails', async () => {
      const world = await start(graph);
      const id = await world.backfill(await world.plan(day(1), day(9), { coalesce: 4 }));
      await world.go(badDay(code('CHECKS_FAILED')));
      expect((await world.runs()).map((r) => r.split(':')[0])).toEqual([
        `${day(1)}/${day(5)}`,
        `${day(5)}/${day(9)}`,
        ...[5, 6, 7, 8].map((n) => `${day(n)}/${day(n + 1)}`),
      ]);
      expect(await world.cells(id)).toEqual(
        [1, 2, 3, 4, 5, 6, 7, 8].map((n) => `${day(n)} ${n === 5 ? 'failed' : 'succeeded'}`),
      );
      const { row } = await findBackfill(world.store.db, id);
      expect(row.state).toBe('failed');
      expect(JSON.parse(row.error_json!)).toEqual({
        code: 'BACKFILL_FAILED',
        message: `1 of 8 cells failed, first ${day(5)}/${day(6)}: quality: CHECKS_FAILED it says`,
        remedy: `Put right what is wrong, then: sparkify backfill resume ${id}`,
      });
      const cells = await cellsOfBackfill(world.store.db, id);
      expect(cells[4]).toMatchObject({ state: 'failed', runId: 3, reason: 'quality: CHECKS_FAILED it says' });
      expect(cells[5]!.reason).toBe('by itself, because run 2, of several cells, failed (CHECKS_FAILED)');
      // Outcomes are kept for each cell.
      const failed = await world.store.db
        .selectFrom('cells')
        .select('start_ms')
        .where('task', '=', 'quality')
        .where('state', '=', 'failed')
        .execute();
      expect(failed.map((c) => Number(c.start_ms))).toEqual([Date.UTC(2018, 10, 5)]);
    });

    once('newest first are done one by one newest first, in the place of their run', async () => {
      const world = await start(graph);
      await world.backfill(await world.plan(day(2), day(8), { coalesce: 3, newestFirst: true }), { maxActive: 1 });
      await world.go(badDay(code('QUARANTINE_SHARE')));
      expect((await world.runs()).map((r) => r.split(':')[0])).toEqual([
        `${day(5)}/${day(8)}`,
        // Made before the first one failed, so that a free place is taken at once.
        `${day(2)}/${day(5)}`,
        ...[7, 6, 5].map((n) => `${day(n)}/${day(n + 1)}`),
      ]);
    });

    once('that meet what would meet each of them fail together, and together they are resumed', async () => {
      const world = await start(graph);
      const id = await world.backfill(await world.plan(day(4), day(7)));
      await world.go(badDay(code('SOURCE_UNREACHABLE')));
      expect(await world.runs()).toHaveLength(1);
      expect(await world.state(id)).toBe('failed');
      expect(await resumeBackfill(world.store, id, 'ada')).toEqual({ state: 'running', changed: true });
      await world.go();
      expect((await world.runs()).map((r) => r.split(':')[0])).toEqual([`${day(4)}/${day(7)}`, `${day(4)}/${day(7)}`]);
      expect(await world.state(id)).toBe('succeeded');
    });
  });

  describe('paused', () => {
    test('it begins nothing more, and goes on when resumed', async () => {
      const world = await start();
      const id = await world.backfill(await world.plan(day(1), day(9)), { maxActive: 1 });
      await world.step();
      expect(await pauseBackfill(world.store, id, 'ada')).toEqual({ state: 'paused', changed: true });
      expect(await pauseBackfill(world.store, id, 'ada')).toEqual({ state: 'paused', changed: false });
      await world.go();
      const ended = await world.store.db.selectFrom('runs').select('id').where('state', '=', 'succeeded').execute();
      expect(ended).toHaveLength(1);
      expect(await world.state(id)).toBe('paused');
      expect(await resumeBackfill(world.store, id, 'ada')).toEqual({ state: 'running', changed: true });
      await world.go();
      expect(await world.state(id)).toBe('succeeded');
    });
  });

  describe('paused while the last of it is under way', () => {
    test('it ends with that, but what failed waits for a resume', async () => {
      for (const fails of [false, true]) {
        const world = await start();
        const id = await world.backfill(await world.plan(day(1), day(3)));
        await world.step();
        await pauseBackfill(world.store, id, 'ada');
        await world.step();
        expect(await world.state(id)).toBe('paused');
        await world.go(() => (fails ? failing(false) : done));
        expect(await world.state(id)).toBe(fails ? 'paused' : 'succeeded');
      }
    });
  });

  describe('resumed', () => {
    test('it does failed and cancelled cells again with new runs; what succeeded stays', async () => {
      const world = await start();
      const id = await world.backfill(await world.plan(day(1), day(4)));
      await world.go((_, interval) => (interval.startsWith(day(2)) ? failing(false) : done));
      expect(await world.state(id)).toBe('failed');
      await resumeBackfill(world.store, id, 'ada');
      expect(await findBackfill(world.store.db, id)).toMatchObject({
        row: { state: 'running', finished_at_ms: null, error_json: null },
        counts: { planned: 1, succeeded: 2 },
      });
      await world.go();
      expect(await world.state(id)).toBe('succeeded');
      const runs = await world.store.db.selectFrom('runs').select(['id', 'state']).orderBy('id').execute();
      expect(runs.map((r) => r.state)).toEqual(['succeeded', 'failed', 'succeeded', 'succeeded']);
      await expect(resumeBackfill(world.store, id, 'ada')).rejects.toMatchObject({ code: 'BACKFILL_STATE' });
    });

    once('while it runs it takes up what has failed so far, else nothing changes', async () => {
      const world = await start();
      const id = await world.backfill(await world.plan(day(1), day(4)));
      await world.step();
      expect(await resumeBackfill(world.store, id, 'ada')).toEqual({ state: 'running', changed: false });
    });

    test('by a retry of one of its runs it is under way again, and ends anew', async () => {
      const world = await start();
      const id = await world.backfill(await world.plan(day(1), day(3)));
      await world.go((_, interval) => (interval.startsWith(day(2)) ? failing(false) : done));
      expect(await world.state(id)).toBe('failed');
      await world.write((tx) => retryRun(tx, world.graphs, 2, { by: 'ada' }));
      expect(await world.state(id)).toBe('running');
      expect(await world.cells(id)).toEqual([`${day(1)} succeeded`, `${day(2)} running`]);
      await world.go();
      expect(await world.state(id)).toBe('succeeded');
    });
  });

  describe('cancelled', () => {
    test('it begins nothing more, interrupts what runs, and can be resumed', async () => {
      const world = await start();
      const id = await world.backfill(await world.plan(day(1), day(9)), { maxActive: 2 });
      await world.step();
      const [claimed] = await world.claim({ limit: 1 });
      expect(await cancelBackfill(world.store, world.graphs, id, 'ada')).toEqual({
        state: 'cancelling',
        changed: true,
      });
      expect(await cancelBackfill(world.store, world.graphs, id, 'ada')).toEqual({
        state: 'cancelling',
        changed: false,
      });
      await world.step();
      expect(await world.state(id)).toBe('cancelling');
      await expect(resumeBackfill(world.store, id, 'ada')).rejects.toMatchObject({ code: 'BACKFILL_STATE' });
      await world.end(claimed!, { state: 'cancelled' });
      await world.step();
      expect(await world.state(id)).toBe('cancelled');
      expect(await world.cells(id)).toEqual([1, 2, 3, 4, 5, 6, 7, 8].map((n) => `${day(n)} cancelled`));
      await resumeBackfill(world.store, id, 'ada');
      await world.go();
      expect(await world.state(id)).toBe('succeeded');
      const ends = (await world.events()).filter((e) => e.startsWith('backfill'));
      expect(ends.slice(2)).toEqual(['backfill.cancelling', 'backfill.ended', 'backfill.resumed', 'backfill.ended']);
    });

    once('before anything ran it is over at once', async () => {
      const world = await start();
      const id = await world.backfill(await world.plan(day(1), day(3)));
      expect(await cancelBackfill(world.store, world.graphs, id, 'ada')).toEqual({ state: 'cancelled', changed: true });
      expect(await world.runs()).toEqual([]);
    });

    once('what had ended before it was told counts', async () => {
      const world = await start();
      const id = await world.backfill(await world.plan(day(1), day(2)));
      await world.step();
      for (const task of ['a', 'b']) {
        const [claimed] = await world.claim();
        expect(claimed!.row.task).toBe(task);
        if (task === 'b') await cancelBackfill(world.store, world.graphs, id, 'ada');
        await world.end(claimed!, done);
      }
      await world.step();
      expect(await world.state(id)).toBe('succeeded');
    });

    test('a run of it cancels its cells and nothing else', async () => {
      const world = await start();
      const id = await world.backfill(await world.plan(day(1), day(4)), { maxActive: 2 });
      await backfillStep(world.store, world.graphs);
      await world.write((tx) => cancelRun(tx, world.graphs, 2, { by: 'bob' }));
      await world.go();
      expect(await world.cells(id)).toEqual([`${day(1)} succeeded`, `${day(2)} cancelled`, `${day(3)} succeeded`]);
      expect(await world.state(id)).toBe('cancelled');
    });
  });

  describe('a pipeline that changes', () => {
    const set = (world: BackfillWorld, state: string): Promise<unknown> =>
      world.write((tx) => tx.run('update pipelines set state = $1', [state]));

    test('and is gone or broken lets it wait, and loses nothing', async () => {
      const world = await start();
      const plan = await world.plan(day(1), day(3));
      const id = await world.backfill(plan);
      for (const [state, why] of [
        ['gone', 'the project has no pipeline sparkify any more'],
        ['broken', 'the definition of sparkify does not load'],
      ] as const) {
        await set(world, state);
        await world.go();
        expect(await findBackfill(world.store.db, id)).toMatchObject({ waits: why, counts: { planned: 2 } });
        await expect(world.backfill(plan)).rejects.toMatchObject({ code: `PIPELINE_${state.toUpperCase()}` });
      }
      await set(world, 'active');
      await world.go();
      expect(await world.state(id)).toBe('succeeded');
    });

    once('in its schedule or retries goes on with them', async () => {
      const world = await start();
      const id = await world.backfill(await world.plan(day(1), day(3)));
      const other = graphFrom('a, b after a, c after b', { schedule: daily });
      await world.register(other);
      await world.go();
      expect((await world.run(1)).version).toBe(other.version);
      expect(await world.state(id)).toBe('succeeded');
    });

    test('in what it computes fails what is left, and says so', async () => {
      const world = await start();
      const id = await world.backfill(await world.plan(day(1), day(3)));
      await world.register(graphFrom('a, b after a', { schedule: daily, semanticVersion: 's2' }));
      await world.go();
      expect(await world.cells(id)).toEqual([`${day(1)} failed`, `${day(2)} failed`]);
      const { row } = await findBackfill(world.store.db, id);
      expect(row).toMatchObject({ state: 'failed' });
      expect(row.error_json).toContain(`has changed since backfill ${id} was planned`);
      await world.register({ ...simple, version: 'back' });
      await resumeBackfill(world.store, id, 'ada');
      await world.go();
      expect(await world.state(id)).toBe('succeeded');
    });

    once('and wants a pool that there is not fails what is left', async () => {
      const world = await start();
      const id = await world.backfill(await world.plan(day(1), day(3)));
      await world.register(graphOfTasks([graphTask('a', { pool: 'none' })], { schedule: daily }));
      await world.go();
      expect(await world.state(id)).toBe('failed');
      expect((await cellsOfBackfill(world.store.db, id))[0]!.reason).toContain('the pool "none"');
    });
  });

  test('two schedulers make each run once', async () => {
    const world = await start();
    const others = [await world.anotherStore(), await world.anotherStore()];
    const id = await world.backfill(await world.plan(day(1), day(16)), { maxActive: 5 });
    for (let round = 0; round < 6; round++) {
      await Promise.all(others.map((store) => backfillStep(store, createRunGraphs())));
      await world.go();
    }
    expect(await world.runs()).toHaveLength(15);
    expect(new Set(await world.runs()).size).toBe(15);
    expect(await world.state(id)).toBe('succeeded');
  });

  test('the list has the newest first, in pages', async () => {
    const world = await start();
    const ids: number[] = [];
    for (const n of [1, 2, 3]) ids.push(await world.backfill(await world.plan(day(n), day(n + 1))));
    const db = world.store.db;
    expect((await listBackfills(db, { limit: 2 })).map((b) => b.row.id)).toEqual([ids[2], ids[1]]);
    expect((await listBackfills(db, { limit: 2, before: ids[1]! })).map((b) => b.row.id)).toEqual([ids[0]]);
    expect(await listBackfills(db, { limit: 2, pipeline: 'other' })).toEqual([]);
  });
});

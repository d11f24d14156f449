import { expect, test } from 'vitest';
import { retryRun } from '../../../src/orchestrator/runs/retry-run.ts';
import { startRuns } from '../../../src/orchestrator/runs/start-runs.ts';
import type { GraphTask } from '../../../src/pipeline/graph.ts';
import { graphFrom, graphOfTasks, graphTask } from '../graphs.ts';
import { DAY_MS, done, type Ending, failing, openRunWorld } from '../run-world.ts';
import { eachStore } from '../stores.ts';

const retries = { max: 2, delayMs: 60_000, factor: 2, maxDelayMs: 3_600_000, jitter: 0.5 };
const failOnly =
  (...names: readonly string[]) =>
  (task: { readonly task: string }): Ending =>
    names.includes(task.task) ? failing(false) : done;

eachStore((_engine, open) => {
  test('what ends unlocks what waited for it, and the run ends with its last task', async () => {
    const world = await openRunWorld(open);
    const run = await world.start(graphFrom('begin, left after begin, right after begin, end after left right'));
    expect(await world.states(run)).toEqual({ begin: 'ready', left: 'waiting', right: 'waiting', end: 'waiting' });
    world.clock.advance(5000);
    expect(await world.work()).toEqual(['begin', 'left', 'right', 'end']);
    expect(await world.run(run)).toMatchObject({ state: 'succeeded', unfinished: 0, failures: 0, error_json: null });
    expect(await world.events()).toEqual([
      'run.created',
      'run.started',
      ...['begin', 'left', 'right', 'end'].flatMap((t) =>
        t === 'left'
          ? ['task.started left', 'task.started right', 'task.succeeded left']
          : t === 'right'
            ? ['task.succeeded right']
            : [`task.started ${t}`, `task.succeeded ${t}`],
      ),
      'run.succeeded',
    ]);
  });

  test('with one commit a worker tells what it has done and gets what that unlocked', async () => {
    const world = await openRunWorld(open);
    const run = await world.start(graphFrom('a, b after a, c after b'));
    const request = { worker: 'w1', queues: ['default'], limit: 5, warehouse: true, leaseMs: 30_000 };
    const told: unknown[] = [];
    let turn = await world.queue.completeAndClaim([], request);
    for (let i = 0; i < 3; i++) {
      const { taskId, worker, attempt, row } = turn.claimed[0]!;
      const once = { state: 'succeeded', claim: { taskId, worker, attempt }, detail: 'done' } as const;
      turn = await world.queue.completeAndClaim([once, once], request);
      told.push([row.task, turn.refused.length, turn.claimed.map((c) => c.row.task)]);
    }
    expect(told).toEqual([
      ['a', 1, ['b']],
      ['b', 1, ['c']],
      ['c', 1, []],
    ]);
    expect((await world.run(run)).state).toBe('succeeded');
  });

  test('a completion counts only for the task, worker and attempt that were claimed, and only once', async () => {
    const world = await openRunWorld(open);
    await world.start(graphFrom('load'));
    const [claimed] = await world.claim();
    expect(await world.end({ ...claimed!, worker: 'w2' }, done)).toBe(false);
    expect(await world.end({ ...claimed!, attempt: 2 }, done)).toBe(false);
    expect(await world.end({ ...claimed!, taskId: 9999 }, done)).toBe(false);
    expect(await world.end(claimed!, done)).toBe(true);
    expect(await world.end(claimed!, done)).toBe(false);
    expect((await world.events()).filter((e) => e === 'task.succeeded load')).toHaveLength(1);
  });

  test('an error that may pass is tried again after growing delays, then the task fails', async () => {
    const world = await openRunWorld(open);
    const run = await world.start(graphOfTasks([graphTask('load', { retries })]));
    const waits: number[] = [];
    for (let i = 0; i < 2; i++) {
      const [claimed] = await world.claim();
      await world.end(claimed!, failing(true));
      const task = await world.task(run, 'load');
      expect(task).toMatchObject({ state: 'ready', failures: i + 1, detail: 'it failed' });
      waits.push(task.ready_at_ms - world.clock.nowMs());
      world.clock.advance(waits.at(-1)!);
    }
    expect(waits).toEqual([60_000, 120_000]);
    const [claimed] = await world.claim();
    await world.end(claimed!, failing(true));
    expect(await world.task(run, 'load')).toMatchObject({ state: 'failed', failures: 3, attempt: 3 });
    expect(JSON.parse((await world.run(run)).error_json!)).toEqual({
      code: 'FUNCTION_FAILED',
      message: 'load: it failed',
      remedy: 'try again',
    });
    const attempts = await world.store.db
      .selectFrom('attempts')
      .select(['attempt', 'state'])
      .orderBy('attempt')
      .execute();
    expect(attempts).toEqual([1, 2, 3].map((attempt) => ({ attempt, state: 'failed' })));
    expect((await world.events()).filter((e) => e.startsWith('task.retrying'))).toHaveLength(2);
  });

  test('an error that will not pass fails the task at once', async () => {
    const world = await openRunWorld(open);
    const run = await world.start(graphOfTasks([graphTask('load', { retries })]));
    await world.work(failOnly('load'));
    expect(await world.task(run, 'load')).toMatchObject({ state: 'failed', attempt: 1 });
    expect((await world.run(run)).state).toBe('failed');
  });

  test('failures and skips go through whole chains in the transaction that begins them', async () => {
    const world = await openRunWorld(open);
    const run = await world.start(graphFrom('a, b after a, c after b, d after c, x, y after x, z after y'));
    const claimed = await world.claim();
    await world.queue.complete(
      claimed.map(({ taskId, worker, attempt, row }) => {
        const claim = { taskId, worker, attempt };
        return row.task === 'a'
          ? { state: 'failed' as const, claim, error: { code: 'X', message: 'no', remedy: '', retryable: false } }
          : { state: 'skipped' as const, claim, reason: 'nothing to do' };
      }),
    );
    expect(await world.states(run)).toEqual({
      a: 'failed',
      b: 'upstream_failed',
      c: 'upstream_failed',
      d: 'upstream_failed',
      x: 'skipped',
      y: 'skipped',
      z: 'skipped',
    });
    expect((await world.task(run, 'b')).detail).toBe('a failed');
    expect((await world.task(run, 'd')).detail).toBe('c could not run');
    expect((await world.task(run, 'z')).detail).toBe('y was skipped');
    expect(await world.run(run)).toMatchObject({ state: 'failed', failures: 4, unfinished: 0 });
  });

  const verdicts: readonly (readonly [GraphTask['trigger'], string, string, string])[] = [
    ['all_succeeded', 'ready', 'upstream_failed', 'skipped'],
    ['none_failed', 'ready', 'upstream_failed', 'ready'],
    ['all_done', 'ready', 'ready', 'ready'],
    ['any_failed', 'skipped', 'ready', 'skipped'],
  ];
  test('each trigger rule judges once all before the task have ended', async () => {
    const world = await openRunWorld(open);
    const skipped: Ending = { state: 'skipped', reason: 'nothing to do' };
    for (const [trigger, afterSuccess, afterFailure, afterSkip] of verdicts) {
      const graph = graphOfTasks([graphTask('a'), graphTask('b'), graphTask('judged', { trigger, after: ['a', 'b'] })]);
      for (const [ending, expected] of [
        [done, afterSuccess],
        [failing(false), afterFailure],
        [skipped, afterSkip],
      ] as const) {
        const run = await world.start(graph);
        const [a, b] = await world.claim();
        await world.end(a!, ending);
        expect((await world.task(run, 'judged')).state).toBe('waiting');
        await world.end(b!, done);
        expect([trigger, (await world.task(run, 'judged')).state]).toEqual([trigger, expected]);
        await world.work();
      }
    }
  });

  test('a branch skips what it did not choose, and where its ways meet the trigger rule decides', async () => {
    const world = await openRunWorld(open);
    const graph = graphOfTasks([
      graphTask('choose', { branch: true }),
      graphTask('full', { after: ['choose'] }),
      graphTask('partial', { after: ['choose'] }),
      graphTask('join', { after: ['choose', 'full', 'partial'], trigger: 'none_failed' }),
    ]);
    const run = await world.start(graph);
    const order = await world.work((t) =>
      t.task === 'choose' ? { ...done, state: 'succeeded', detail: 'full', chosen: ['full'] } : done,
    );
    expect(order).toEqual(['choose', 'full', 'join']);
    expect((await world.task(run, 'partial')).detail).toBe('branch choose chose another way');
    const none = await world.start(graph);
    await world.work(() => ({ state: 'succeeded', detail: 'none', chosen: [] }));
    expect(await world.states(none)).toMatchObject({ full: 'skipped', partial: 'skipped', join: 'skipped' });
    const wrong = await world.start(graph);
    await world.work(() => ({ state: 'succeeded', detail: 'typo', chosen: ['ful'] }));
    expect(JSON.parse((await world.task(wrong, 'choose')).error_json!)).toMatchObject({
      code: 'BRANCH_UNKNOWN',
      retryable: false,
    });
  });

  test('values are kept for later tasks; what is no JSON or too large fails the task without another try', async () => {
    const world = await openRunWorld(open);
    const run = await world.start(
      graphOfTasks([graphTask('give', { retries }), graphTask('date', { retries }), graphTask('big', { retries })]),
    );
    const outputs: Record<string, unknown> = {
      give: { rows: [1, 'zwei\u0000'] },
      date: new Date(0),
      big: 'x'.repeat(70_000),
    };
    await world.work((t) => ({ state: 'succeeded', detail: 'done', output: outputs[t.task] }));
    expect(JSON.parse((await world.task(run, 'give')).output_json!)).toEqual({ rows: [1, 'zwei\u0000'] });
    expect(JSON.parse((await world.task(run, 'date')).error_json!)).toMatchObject({
      code: 'VALUE_INVALID',
      retryable: false,
    });
    expect(JSON.parse((await world.task(run, 'big')).error_json!).code).toBe('VALUE_TOO_LARGE');
    expect(await world.states(run)).toEqual({ give: 'succeeded', date: 'failed', big: 'failed' });
  });

  test('texts that no store can keep as they are do not stop a completion', async () => {
    const world = await openRunWorld(open);
    const run = await world.start(graphFrom('load'));
    await world.work(() => failing(false, `NUL \u0000, half \ud83d, ${'long '.repeat(5000)}`));
    const { detail, error_json } = await world.task(run, 'load');
    expect(detail).toContain('NUL \ufffd, half \ufffd, long');
    expect(detail!.length).toBeLessThan(1100);
    expect(JSON.parse(error_json!).message.length).toBeLessThan(8100);
  });

  test('a sensor gives its slot back between looks, and its waiting ends as it says', async () => {
    const world = await openRunWorld(open);
    const sensor = (onTimeout: 'fail' | 'skip' | 'succeed') => ({ everyMs: 60_000, timeoutMs: 150_000, onTimeout });
    const run = await world.start(
      graphOfTasks([
        graphTask('seen', { sensor: sensor('fail') }),
        graphTask('failing', { sensor: sensor('fail'), retries }),
        graphTask('skipping', { sensor: sensor('skip') }),
        graphTask('without', { sensor: sensor('succeed') }),
      ]),
    );
    const looks: string[][] = [];
    for (let i = 0; i < 4; i++) {
      const claimed = await world.claim();
      looks.push(claimed.map((c) => c.row.task));
      for (const c of claimed) {
        const saw = c.row.task === 'seen' && i === 1;
        const again = { state: 'not-yet', detail: '3 of 4', againAtMs: world.clock.nowMs() + 60_000 } as const;
        await world.end(c, saw ? { state: 'succeeded', detail: 'all 4' } : again);
      }
      const next = await world.queue.nextReadyMs();
      if (next !== undefined) world.clock.advance(next - world.clock.nowMs());
    }
    const waiting = ['failing', 'skipping', 'without'];
    expect(looks).toEqual([['seen', ...waiting], ['seen', ...waiting], waiting, waiting]);
    expect(await world.states(run)).toEqual({
      seen: 'succeeded',
      failing: 'failed',
      skipping: 'skipped',
      without: 'succeeded',
    });
    const failed = await world.task(run, 'failing');
    expect(failed).toMatchObject({ looks: 4, failures: 1 });
    expect(JSON.parse(failed.error_json!).code).toBe('SENSOR_TIMED_OUT');
    expect((await world.task(run, 'without')).detail).toBe('goes on without: 3 of 4 (4 looks)');
    // Only the last look of each is an attempt that counts.
    expect(await world.store.db.selectFrom('attempts').selectAll().execute()).toHaveLength(4);
  });

  test('what is given back unharmed is claimed again, without an attempt that counts', async () => {
    const world = await openRunWorld(open);
    const run = await world.start(graphFrom('load'));
    const [claimed] = await world.claim();
    await world.end(claimed!, { state: 'released', reason: 'going down' });
    expect(await world.task(run, 'load')).toMatchObject({ state: 'ready', failures: 0, crashes: 0, worker: null });
    expect(await world.store.db.selectFrom('attempts').selectAll().execute()).toEqual([]);
    expect(await world.end(claimed!, done)).toBe(false);
    expect((await world.claim())[0]).toMatchObject({ attempt: 2 });
  });

  test('the outcome of every task is recorded for every cell of the run', async () => {
    const world = await openRunWorld(open);
    const graph = graphFrom('stage, load after stage, publish after load');
    const cells = [0, 1].map((d) => ({ startMs: d * DAY_MS, endMs: (d + 1) * DAY_MS }));
    const run = await world.start(graph, {
      kind: 'backfill',
      interval: { startMs: 0, endMs: 2 * DAY_MS },
      cells,
      priority: 20,
    });
    await world.work(failOnly('load'));
    const recorded = async () =>
      (await world.store.db.selectFrom('cells').selectAll().orderBy('start_ms').orderBy('task').execute()).map((c) => [
        c.start_ms / DAY_MS,
        c.end_ms / DAY_MS,
        c.task,
        c.state,
        c.run_id,
        c.reason,
      ]);
    expect(await recorded()).toEqual(
      [0, 1].flatMap((d) => [
        [d, d + 1, 'load', 'failed', run, 'it failed'],
        [d, d + 1, 'publish', 'failed', run, 'load failed'],
        [d, d + 1, 'stage', 'succeeded', run, null],
      ]),
    );
    const later = await world.start(graph, { day: 1 });
    await world.work();
    expect((await recorded()).filter(([d]) => d === 1).map((c) => c.slice(2))).toEqual([
      ['load', 'succeeded', later, null],
      ['publish', 'succeeded', later, null],
      ['stage', 'succeeded', later, null],
    ]);
    const tried = await world.start(graph, { day: 1, request: { params: {}, dryRun: true } });
    await world.work(failOnly('stage'));
    expect((await world.run(tried)).state).toBe('failed');
    expect((await recorded()).filter(([, , , state]) => state === 'failed')).toHaveLength(2);
  });

  test('the cells of a backfill follow their run', async () => {
    const world = await openRunWorld(open);
    const graph = graphFrom('load');
    const run = await world.create(graph, { kind: 'backfill', priority: 20, backfillId: 1 });
    await world.write(async (tx) => {
      await tx.run(
        `insert into backfills (id, pipeline, version, start_ms, end_ms, scope, newest_first, max_active, priority, state, request_json,
           created_at_ms, requested_by) values (1, 'sparkify', 'v', 0, 1, 'all', 0, 1, 20, 'running', '{}', 0, 'me')`,
      );
      await tx.run(
        "insert into backfill_cells (backfill_id, start_ms, end_ms, position, state, run_id) values (1, 0, 1, 1, 'planned', $1), (1, 1, 2, 1, 'planned', null)",
        [run],
      );
    });
    const states = async (): Promise<readonly string[]> =>
      (await world.store.db.selectFrom('backfill_cells').select('state').orderBy('start_ms').execute()).map(
        (c) => c.state,
      );
    await world.write((tx) => startRuns(tx, world.graphs, [run]));
    expect(await states()).toEqual(['running', 'planned']);
    await world.work(failOnly('load'));
    expect(await states()).toEqual(['failed', 'planned']);
    await world.write((tx) => retryRun(tx, world.graphs, run, { by: 'me' }));
    expect(await states()).toEqual(['running', 'planned']);
    await world.work();
    expect(await states()).toEqual(['succeeded', 'planned']);
  });
});

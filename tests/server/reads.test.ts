import { expect, it } from 'vitest';
import { saveCoverage } from '../../src/orchestrator/cells/coverage.ts';
import { every } from '../../src/pipeline/schedule.ts';
import { graphFrom, graphOfTasks, graphTask } from '../orchestrator/graphs.ts';
import { eachStore, startMs } from '../orchestrator/stores.ts';
import { day, openWorld } from './world.ts';

const failed = (message: string, retryable = false) => ({
  state: 'failed' as const,
  error: { code: 'FUNCTION_FAILED', message, remedy: 'Correct it.', retryable },
});

const DAY_MS = 86_400_000;

eachStore((_, open) => {
  it('runs can be narrowed by state, kind, pipeline and interval', async () => {
    const world = await openWorld(open);
    const graph = graphFrom('a', { pipeline: 'p' });
    const before = { startMs: day.startMs - DAY_MS, endMs: day.startMs };
    const one = await world.run(graph, { interval: before, kind: 'scheduled' });
    await world.work();
    const two = await world.run(graph, { interval: day });
    const three = await world.run(graphFrom('a', { pipeline: 'q' }));
    const ids = async (query: string): Promise<readonly number[]> =>
      (await world.ask('GET', `/runs?${query}`)).body.items.map((r: { id: number }) => r.id);
    expect(await ids('pipeline=p')).toEqual([two, one]);
    expect(await ids('state=succeeded,failed')).toEqual([one]);
    expect(await ids('kind=manual')).toEqual([three, two]);
    // Half-open: the day before ends where this one begins.
    expect(await ids('from=2025-12-31')).toEqual([three, two]);
    expect(await ids('to=2025-12-31')).toEqual([one]);
    expect(await ids('from=2025-12-30T23:00Z&to=2025-12-31T01:00Z')).toEqual([three, two, one]);
    expect(await ids('late=true')).toEqual([]);
  });

  it('tasks come in the order of the graph, with their attempts, errors and elements', async () => {
    const world = await openWorld(open);
    const graph = graphOfTasks(
      [
        graphTask('z', { group: 'first' }),
        graphTask('a', { after: ['z'], retries: { max: 1, delayMs: 1000, factor: 1, maxDelayMs: 1000, jitter: 0 } }),
        graphTask('m', { after: ['a'] }),
      ],
      { pipeline: 'p' },
    );
    const run = await world.run(graph);
    await world.work();
    await world.work(() => failed('the first time', true));
    world.time.advance(1000);
    await world.work(() => failed('for good'));
    const { items, total } = (await world.ask('GET', `/runs/${run}/tasks`)).body;
    expect(total).toEqual({ count: 3, exact: true });
    expect(items).toMatchObject([
      { task: 'z', group: 'first', state: 'succeeded', attempt: 1, durationMs: 1000, mapIndex: -1 },
      { task: 'a', after: ['z'], state: 'failed', attempt: 2, failures: 2, error: { message: 'for good' } },
      { task: 'm', state: 'upstream_failed', startedAtMs: null, error: null },
    ]);
    const pages = await world.ask('GET', `/runs/${run}/tasks?limit=2`);
    const rest = await world.ask('GET', `/runs/${run}/tasks?limit=2&cursor=${pages.body.nextCursor}`);
    expect([pages, rest].flatMap((p) => p.body.items.map((t: { task: string }) => t.task))).toEqual(['z', 'a', 'm']);
    const attempts = (await world.ask('GET', `/runs/${run}/tasks/a/attempts`)).body.items;
    expect(attempts).toMatchObject([
      { attempt: 1, state: 'failed', error: { message: 'the first time' }, durationMs: 1000 },
      { attempt: 2, state: 'failed', error: { message: 'for good' } },
    ]);
    expect((await world.ask('GET', `/runs/${run}/tasks?state=failed,upstream_failed`)).body.total.count).toBe(2);
    const unknown = await world.ask('GET', `/runs/${run}/tasks/b`);
    expect(unknown.body).toMatchObject({ code: 'TASK_UNKNOWN', status: 404, remedy: 'Its tasks are: z, a, m.' });
  });

  it('a task can be done again, marked or left out, and the run goes on or ends anew', async () => {
    const world = await openWorld(open);
    const run = await world.run(graphFrom('a, b after a, c after b', { pipeline: 'p' }));
    await world.work(() => failed('no'));
    const post = (path: string, body: object = {}) => world.ask('POST', `/runs/${run}/tasks/${path}`, { body });
    expect((await post('a/mark-success')).body).toMatchObject({
      changed: true,
      task: { state: 'succeeded', markedBy: 'local' },
      run: { state: 'running' },
    });
    expect((await post('b/skip', { dryRun: true })).body).toMatchObject({ dryRun: true, task: { state: 'skipped' } });
    expect(await world.work()).toEqual(['b']);
    expect((await post('c/skip')).body).toMatchObject({ task: { state: 'skipped' }, run: { state: 'succeeded' } });
    const again = (await post('a/retry')).body;
    expect(again).toMatchObject({ changed: true, task: { state: 'ready' }, run: { state: 'running' } });
    expect((await post('a/retry')).body).toMatchObject({ code: 'TASK_NOT_ENDED', status: 409 });
    const many = await world.ask('POST', '/tasks/change', {
      body: {
        action: 'mark-success',
        tasks: [
          { run, task: 'a' },
          { run, task: 'nope' },
          { run: 99, task: 'a' },
        ],
      },
    });
    expect(many.body).toMatchObject({ changed: 1, refused: 2 });
    expect(await world.work()).toEqual(['b']);
  });

  it('a run that failed is taken up from where it failed, or from a task on', async () => {
    const world = await openWorld(open);
    const run = await world.run(graphFrom('a, b after a, c after b', { pipeline: 'p' }));
    await world.work();
    await world.work(() => failed('no'));
    const retried = (await world.ask('POST', `/runs/${run}/retry`, { body: {} })).body;
    expect(retried).toMatchObject({ changed: true, tasks: ['b', 'c'], run: { state: 'running', error: null } });
    await world.work();
    await world.work();
    const from = (await world.ask('POST', `/runs/${run}/retry`, { body: { fromTask: 'b' } })).body;
    expect(from.tasks).toEqual(['b', 'c']);
    expect((await world.ask('POST', `/runs/${run}/cancel`, { body: {} })).body.run.state).toBe('cancelled');
    expect((await world.ask('POST', `/runs/${run}/resume`, { body: {} })).body).toMatchObject({ tasks: ['b', 'c'] });
    expect((await world.ask('POST', `/runs/${run}/resume`, { body: {} })).body.code).toBe('RUN_NOT_ENDED');
    expect((await world.ask('POST', `/runs/${run}/retry`, { body: { fromTask: 'x' } })).body.status).toBe(409);
  });

  it('the matrix has a letter for every task of every run, also of tasks that are no more', async () => {
    const world = await openWorld(open);
    const old = await world.run(graphFrom('a, gone after a', { pipeline: 'p' }), {
      interval: { startMs: day.startMs - DAY_MS, endMs: day.startMs },
    });
    await world.work();
    await world.work(() => failed('no'));
    const graph = graphFrom('a, b after a', { pipeline: 'p' });
    const now = await world.run(graph);
    await world.store.write((tx) =>
      tx.db.updateTable('pipelines').set({ version: graph.version }).where('name', '=', 'p').execute(),
    );
    await world.work();
    const { body } = await world.ask('GET', '/pipelines/p/matrix');
    expect(body).toMatchObject({
      tasks: ['a', 'b', 'gone'],
      runs: [now, old],
      states: ['running', 'failed'],
      cells: ['sq.', 's.f'],
      earlier: false,
    });
    expect(body.codes).toMatchObject({ s: 'succeeded', f: 'failed', q: 'ready' });
    const narrow = (await world.ask('GET', `/pipelines/p/matrix?runs=1&before=${now}`)).body;
    expect(narrow.runs).toEqual([old]);
    expect((await world.ask('GET', '/pipelines/p/matrix?runs=1')).body.earlier).toBe(true);
  });

  it('the gantt has attempts in time, usual durations, and the way that decided the end', async () => {
    const world = await openWorld(open);
    const graph = graphFrom('a, b after a, c after a, d after b c', { pipeline: 'p' });
    for (let i = 0; i < 3; i++) {
      await world.run(graph);
      for (let n = 0; n < 3; n++) await world.work();
    }
    const run = await world.run(graph);
    await world.work();
    const { body } = await world.ask('GET', `/runs/${run}/gantt`);
    expect(body.bars.map((b: { task: string; usualMs: number }) => [b.task, b.usualMs])).toEqual(
      ['a', 'b', 'c', 'd'].map((t) => [t, 1000]),
    );
    expect(body.bars[0].attempts).toEqual([
      { attempt: 1, state: 'succeeded', startMs: body.startMs, endMs: body.startMs + 1000 },
    ]);
    expect(body.criticalPath).toEqual(['a']);
    await world.work();
    await world.work();
    const done = (await world.ask('GET', `/runs/${run}/gantt`)).body;
    expect(done.criticalPath).toHaveLength(3);
    expect([done.criticalPath[0], done.criticalPath[2]]).toEqual(['a', 'd']);
    expect(done.endMs - done.startMs).toBe(3000);
  });

  it('pipelines tell their schedule, what comes next and how the latest runs went', async () => {
    const world = await openWorld(open);
    const schedule = every('1 day', { start: '2025-12-30', missed: 'all' });
    const graph = graphFrom('a', { pipeline: 'p', schedule, doc: 'Plays.' });
    await world.run(graph, { kind: 'scheduled' });
    await world.work();
    await world.store.write((tx) =>
      tx.db.updateTable('pipelines').set({ scheduled_to_ms: startMs }).where('name', '=', 'p').execute(),
    );
    const { items } = (await world.ask('GET', '/pipelines')).body;
    expect(items).toMatchObject([
      {
        name: 'p',
        doc: 'Plays.',
        state: 'active',
        schedule: { text: 'every day', missed: 'all' },
        nextRun: { startMs, endMs: startMs + DAY_MS, dueAtMs: startMs + DAY_MS },
        latestRuns: [{ state: 'succeeded', durationMs: 1000 }],
      },
    ]);
    expect((await world.ask('POST', '/pipelines/p/pause', { body: {} })).body).toEqual({
      pipeline: 'p',
      paused: true,
      changed: true,
    });
    expect((await world.ask('GET', '/pipelines/p')).body).toMatchObject({ paused: true, nextRun: null });
    expect((await world.ask('GET', `/pipelines/p/graph?version=${graph.version}`)).body.tasks).toHaveLength(1);
    expect((await world.ask('GET', '/pipelines/p/graph?version=x')).body.code).toBe('REQUEST_INVALID');
    expect((await world.ask('GET', '/pipelines/x')).body).toMatchObject({
      code: 'PIPELINE_UNKNOWN',
      remedy: 'There are: p.',
    });
  });

  it('pools tell who is in them and who waits', async () => {
    const world = await openWorld(open);
    expect((await world.ask('PUT', '/pools/db', { body: { slots: 3, dryRun: true } })).body).toMatchObject({
      slots: 3,
    });
    expect((await world.ask('GET', '/pools')).body.items).toEqual([]);
    await world.ask('PUT', '/pools/db', { body: { slots: 3 } });
    const graph = graphOfTasks(
      ['a', 'b'].map((n) => graphTask(n, { pool: 'db', poolSlots: 2 })),
      { pipeline: 'p' },
    );
    const run = await world.run(graph);
    await world.store.write((tx) =>
      tx.db.updateTable('tasks').set({ state: 'running', worker: 'w' }).where('task', '=', 'a').execute(),
    );
    expect((await world.ask('GET', '/pools')).body.items).toEqual([
      {
        name: 'db',
        slots: 3,
        used: 2,
        waiting: 2,
        fromConfig: false,
        running: [{ run, pipeline: 'p', task: 'a', mapIndex: -1, slots: 2 }],
      },
    ]);
  });

  it('one sentence says how it is: what fails until it is repaired, what is stale, what comes next', async () => {
    const world = await openWorld(open);
    const status = async () => (await world.ask('GET', '/status')).body;
    expect(await status()).toMatchObject({ level: 'ok', sentence: 'The store knows no pipeline yet.' });
    const graph = graphFrom('a', { pipeline: 'p' });
    const run = await world.run(graph);
    expect(await status()).toMatchObject({
      level: 'attention',
      sentence: 'No `sparkify up` runs, so nothing gets on. 1 waiting.',
      waiting: [{ run, why: '2025-12-31/2026-01-01: a: no worker runs: start `sparkify up`.' }],
      error: { code: 'NO_SCHEDULER', remedy: 'Start it: sparkify up' },
    });
    await world.heartbeat();
    expect(await status()).toMatchObject({ level: 'ok', sentence: 'All is well. 1 waiting.', error: null });
    expect((await world.ask('GET', `/runs/${run}/tasks`)).body.items).toMatchObject([
      { why: 'is about to be claimed' },
    ]);
    expect((await world.ask('GET', '/health')).body.scheduler).toMatchObject({ alive: true, worker: 'up-1' });
    expect((await world.ask('GET', '/workers')).body.items).toMatchObject([{ id: 'up-1', kind: 'up', alive: true }]);
    await world.work(() => failed('the disk is full'));
    expect(await status()).toMatchObject({
      level: 'failing',
      sentence: 'Failing: p. Nothing is scheduled.',
      failing: [{ run, why: expect.stringContaining('a') }],
    });
    await world.run(graph);
    await world.work();
    expect(await status()).toMatchObject({ level: 'ok', failing: [] });
    expect((await world.ask('GET', '/status?pipeline=x')).body.code).toBe('PIPELINE_UNKNOWN');
  });

  it('what is published and no longer as its objects are is stale; what was never published is not', async () => {
    const world = await openWorld(open);
    const schedule = every('1 day', { start: '2025-12-29' });
    const graph = graphOfTasks(
      [
        graphTask('stage', { kind: 'stage', data: true }),
        graphTask('publish', { kind: 'publish', data: true, after: ['stage'] }),
      ],
      {
        pipeline: 'p',
        schedule,
      },
    );
    await world.run(graph);
    await world.heartbeat();
    const december = (dayOfMonth: number): number => Date.UTC(2025, 11, dayOfMonth);
    const pending = (uri: string, from: number, change: 'new' | 'changed') => ({
      pipeline: 'p',
      staging: 's',
      root: 's3://b/',
      change,
      start_ms: december(from),
      end_ms: december(from + 1),
      listed_at_ms: startMs,
      versioned: 0,
      objects_json: JSON.stringify([[uri, null, 1, null, uri]]),
    });
    await world.store.write(async (tx) => {
      await tx.run("update runs set state = 'cancelled'");
      await saveCoverage(tx, 'p', {
        intervals: [{ startMs: december(29), endMs: december(31) }],
        definition: graph.semanticVersion,
        epoch: 1,
        atMs: startMs,
      });
      // The last day is not published yet: its object makes nothing stale.
      const rows = [pending('30-events.json', 30, 'changed'), pending('31-events.json', 31, 'new')];
      await tx.db.insertInto('pending_lots').values(rows).execute();
    });
    const { body } = await world.ask('GET', '/status');
    expect(body).toMatchObject({ level: 'attention', sentence: expect.stringMatching(/^Stale: p\./) });
    expect(body.stale).toMatchObject([
      {
        pipeline: 'p',
        why: '2025-12-30/2025-12-31: 30-events.json changed after it was published.',
        remedy: 'sparkify plan p --scope stale',
      },
    ]);
  });
});

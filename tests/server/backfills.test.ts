import { call, chain, cron, definePipeline, resolvePipeline, z } from 'sparkify';
import { expect, it } from 'vitest';
import { backfillStep } from '../../src/orchestrator/backfill/backfill-step.ts';
import { registerPipelines } from '../../src/orchestrator/scheduler/register-pipelines.ts';
import type { LoadedPipelines } from '../../src/orchestrator/worker/definitions.ts';
import { eachStore } from '../orchestrator/stores.ts';
import { openWorld, type World } from './world.ts';

const nothing = (): void => {};

const loaded: LoadedPipelines = {
  resolved: [
    resolvePipeline(
      definePipeline({
        name: 'daily',
        schedule: cron('0 0 * * *', { start: '2025-12-01' }),
        params: z.object({ city: z.string().default('Lansing') }),
        define: () => ({ stagings: [], tables: [], tasks: chain(call('count', nothing), call('rank', nothing)) }),
      }),
      {},
    ),
  ],
  broken: [],
};

async function openDaily(open: Parameters<Parameters<typeof eachStore>[0]>[1]): Promise<World> {
  const world = await openWorld(open, { pipelines: loaded });
  await registerPipelines(world.store, loaded);
  return world;
}

const post = (world: World, path: string, body: object = {}) => world.ask('POST', path, { body });

eachStore((_, open) => {
  it('a plan has every cell of the interval with its state and its reason, and what would be done', async () => {
    const world = await openDaily(open);
    const { body } = await world.ask('GET', '/pipelines/daily/plan?from=2025-12-29&to=2026-01-01');
    expect(body).toMatchObject({ pipeline: 'daily', scope: 'open', counts: { missing: 3, done: 0 }, notes: [] });
    expect(body.cells).toHaveLength(3);
    expect(body.cells[0]).toMatchObject({
      startMs: Date.UTC(2025, 11, 29),
      endMs: Date.UTC(2025, 11, 30),
      chosen: true,
      cells: [
        { task: 'count', state: 'missing', reason: expect.any(String) },
        { task: 'rank', state: 'missing' },
      ],
    });
    expect(body.runs.flatMap((r: { cells: unknown[] }) => r.cells)).toHaveLength(3);
    const whole = (await world.ask('GET', '/pipelines/daily/plan?newestFirst=true&coalesce=1')).body;
    expect([whole.cells.length, whole.runs.length]).toEqual([31, 31]);
    expect(whole.runs[0].startMs).toBe(Date.UTC(2025, 11, 31));
    const codes = async (query: string): Promise<string> => {
      const { status, body: answered } = await world.ask('GET', `/pipelines/daily/plan?${query}`);
      return `${status} ${answered.code}`;
    };
    expect(await codes('from=2025-12-29T10:00Z&to=2026-01-01')).toMatch(/INTERVAL_OFF_GRID/);
    expect(await codes('tasks=nope')).toBe('404 TASK_UNKNOWN');
    expect(await codes('from=monday')).toBe('400 REQUEST_INVALID');
    expect((await world.ask('GET', '/pipelines/nope/plan')).body.code).toBe('PIPELINE_UNKNOWN');
  });

  it('a backfill tells its plan first, is made once, and shows its cells until they are done', async () => {
    const world = await openDaily(open);
    const asked = { pipeline: 'daily', from: '2025-12-29', to: '2026-01-01', coalesce: 1, maxActive: 2 };
    const dry = (await post(world, '/backfills', { ...asked, dryRun: true })).body;
    expect(dry).toMatchObject({ backfill: null, plan: { runs: [{}, {}, {}] } });
    expect((await world.ask('GET', '/backfills')).body.items).toEqual([]);

    const headers = { 'idempotency-key': 'k' };
    const made = (await world.ask('POST', '/backfills', { body: asked, headers })).body.backfill;
    expect((await world.ask('POST', '/backfills', { body: asked, headers })).body.backfill).toEqual(made);
    expect(made).toMatchObject({
      pipeline: 'daily',
      interval: '2025-12-29/2026-01-01',
      state: 'running',
      scope: 'open',
      maxActive: 2,
      counts: { planned: 3, succeeded: 0 },
      requestedBy: 'local',
      waits: null,
    });
    expect((await post(world, '/backfills', asked)).body).toMatchObject({ backfill: null, plan: { runs: [] } });

    for (let round = 0; round < 10; round++) {
      await backfillStep(world.store, world.runGraphs);
      await world.startQueued();
      while ((await world.work()).length > 0);
    }
    const done = (await world.ask('GET', `/backfills/${made.id}`)).body;
    expect(done).toMatchObject({ state: 'succeeded', counts: { succeeded: 3 }, finishedAtMs: expect.any(Number) });
    expect(done.cells.map((c: { startMs: number; state: string }) => [c.startMs, c.state])).toEqual(
      [29, 30, 31].map((d) => [Date.UTC(2025, 11, d), 'succeeded']),
    );
    const runs = (await world.ask('GET', `/runs?backfill=${made.id}`)).body.items;
    expect(runs.map((r: { kind: string }) => r.kind)).toEqual(Array(3).fill('backfill'));
    const after = (await world.ask('GET', '/pipelines/daily/plan?from=2025-12-29&to=2026-01-01')).body;
    expect([after.counts.done, after.runs]).toEqual([3, []]);
    expect((await world.ask('GET', '/pipelines/daily/matrix?kind=backfill')).body.cells).toEqual(['ss', 'ss', 'ss']);
  });

  it('a backfill is paused, resumed and cancelled, and says when it cannot be', async () => {
    const world = await openDaily(open);
    const { id } = (await post(world, '/backfills', { pipeline: 'daily', from: '2025-12-29', to: '2026-01-01' })).body
      .backfill;
    expect((await post(world, `/backfills/${id}/pause`, { dryRun: true })).body).toMatchObject({
      dryRun: true,
      changed: true,
      backfill: { state: 'paused' },
    });
    expect((await world.ask('GET', `/backfills/${id}`)).body.state).toBe('running');
    expect((await post(world, `/backfills/${id}/pause`)).body).toMatchObject({
      changed: true,
      backfill: { state: 'paused' },
    });
    expect((await post(world, `/backfills/${id}/pause`)).body.changed).toBe(false);
    expect((await post(world, `/backfills/${id}/resume`)).body).toMatchObject({
      changed: true,
      backfill: { state: 'running' },
    });
    expect((await post(world, `/backfills/${id}/cancel`)).body.backfill).toMatchObject({
      state: 'cancelled',
      counts: { cancelled: 3 },
    });
    const late = await post(world, `/backfills/${id}/pause`);
    expect([late.status, late.body.code]).toEqual([409, 'BACKFILL_STATE']);
    expect((await post(world, '/backfills/99/cancel')).body.code).toBe('BACKFILL_UNKNOWN');
  });

  it('what is paused is told by the status, with what sets it going again', async () => {
    const world = await openDaily(open);
    await world.heartbeat();
    await post(world, '/backfills', { pipeline: 'daily', from: '2025-12-29', to: '2026-01-01' });
    await post(world, '/backfills/1/pause');
    await post(world, '/pipelines/daily/pause');
    const { body } = await world.ask('GET', '/status');
    expect(body.sentence).toBe('All is well. 2 held back.');
    expect(body.waiting).toMatchObject([
      {
        pipeline: 'daily',
        run: null,
        why: 'backfill 1 (2025-12-29/2026-01-01) starts no cell, 3 are left: it is paused.',
        remedy: 'sparkify backfill resume 1',
      },
      {
        pipeline: 'daily',
        run: null,
        why: 'its schedule is paused and makes no runs.',
        remedy: 'sparkify unpause daily',
      },
    ]);
    await post(world, '/backfills/1/resume');
    await post(world, '/pipelines/daily/unpause');
    expect((await world.ask('GET', '/status')).body.waiting.filter((c: { run: unknown }) => c.run === null)).toEqual(
      [],
    );
  });

  it('backfills are listed newest first, in pages', async () => {
    const world = await openDaily(open);
    const ids: number[] = [];
    for (const day of [28, 29, 30]) {
      const { body } = await post(world, '/backfills', {
        pipeline: 'daily',
        from: `2025-12-${day}`,
        to: `2025-12-${day + 1}`,
      });
      ids.unshift(body.backfill.id);
    }
    const first = (await world.ask('GET', '/backfills?pipeline=daily&limit=2')).body;
    const second = (await world.ask('GET', `/backfills?pipeline=daily&limit=2&cursor=${first.nextCursor}`)).body;
    expect([...first.items, ...second.items].map((b: { id: number }) => b.id)).toEqual(ids);
    expect([first.total, second.nextCursor]).toEqual([{ count: 3, exact: true }, null]);
    expect((await world.ask('GET', '/backfills?pipeline=other')).body.items).toEqual([]);
  });

  it('what cannot be is refused before anything is made', async () => {
    const world = await openDaily(open);
    const refused = async (body: object): Promise<string> => {
      const answered = await post(world, '/backfills', { pipeline: 'daily', ...body });
      return `${answered.status} ${answered.body.code}`;
    };
    expect(await refused({ params: { town: 'x' } })).toBe('400 PARAMETER_INVALID');
    expect(await refused({ scope: 'some' })).toBe('400 REQUEST_INVALID');
    expect(await refused({ maxActive: 0 })).toBe('400 REQUEST_INVALID');
    expect(await refused({ tasks: ['nope'] })).toBe('404 TASK_UNKNOWN');
    expect(await refused({ every: '1 day' })).toBe('400 USAGE');
    expect((await world.ask('GET', '/backfills')).body.total.count).toBe(0);
  });

  it('sources are listed when somebody asks for it', async () => {
    const world = await openDaily(open);
    expect((await post(world, '/pipelines/daily/listings/refresh')).body.items).toEqual([]);
    expect((await post(world, '/pipelines/nope/listings/refresh')).body.code).toBe('PIPELINE_UNKNOWN');
  });
});

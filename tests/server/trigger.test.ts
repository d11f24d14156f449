import { call, chain, definePipeline, group, resolvePipeline, z } from 'sparkify';
import { describe, expect, it } from 'vitest';
import { SparkifyError } from '../../src/core/errors.ts';
import type { LoadedPipelines } from '../../src/orchestrator/worker/definitions.ts';
import { storeOpener } from '../orchestrator/stores.ts';
import { openWorld } from './world.ts';

const nothing = (): void => {};

const plays = definePipeline({
  name: 'plays',
  params: z.object({ city: z.string().default('Lansing'), shards: z.number().int().min(1).default(2) }),
  define: ({ shards }) => ({
    stagings: [],
    tables: [],
    tasks: chain(
      call('begin', nothing),
      group(
        'load',
        Array.from({ length: shards }, (_, i) => call(`shard_${i}`, nothing)),
      ),
      call('end', nothing),
    ),
  }),
});

const loaded: LoadedPipelines = {
  resolved: [resolvePipeline(plays, { city: 'Berlin' })],
  broken: [{ name: 'sad', error: new SparkifyError('PIPELINE_INVALID', { pipeline: 'sad', detail: 'it throws' }) }],
};

describe('a run that somebody asks for', () => {
  const open = storeOpener('sqlite');

  it('brings the required parameters that the project does not set', async () => {
    const unset = new Map([['plays', ['city']]]);
    const strict = definePipeline({
      name: 'plays',
      params: z.object({ city: z.string(), shards: z.number().default(1) }),
      define: () => ({ stagings: [], tables: [], tasks: chain(call('begin', nothing)) }),
    });
    const resolved = [resolvePipeline(strict, { city: 'not-set' })];
    const world = await openWorld(open, { pipelines: { resolved, broken: [], unset } });
    const ask = (params?: object) => world.ask('POST', '/runs', { body: { pipeline: 'plays', params } });
    for (const params of [undefined, {}, { shards: 3 }]) {
      const { status, body } = await ask(params);
      expect([status, body.code]).toEqual([400, 'PARAMETER_INVALID']);
      expect(body.detail).toContain('city');
    }
    expect((await ask({ city: 'Paris' })).body.request).toEqual({ params: { city: 'Paris' } });
  });

  it('is made with its tasks, over its interval, and waits for the scheduler', async () => {
    const world = await openWorld(open, { pipelines: loaded });
    const { status, body } = await world.ask('POST', '/runs', {
      body: { pipeline: 'plays', interval: '2018-11-01', params: { city: 'Paris' } },
    });
    expect(status).toBe(201);
    expect(body).toMatchObject({
      pipeline: 'plays',
      kind: 'manual',
      state: 'queued',
      interval: '2018-11-01/2018-11-02',
      startMs: Date.UTC(2018, 10, 1),
      endMs: Date.UTC(2018, 10, 2),
      priority: 0,
      request: { params: { city: 'Paris' } },
      requestedBy: 'local',
      unfinished: 4,
    });
    const tasks = (await world.ask('GET', `/runs/${body.id}/tasks`)).body.items;
    expect(tasks.map((t: { task: string; group: string | null }) => [t.task, t.group])).toEqual([
      ['begin', null],
      ['shard_0', 'load'],
      ['shard_1', 'load'],
      ['end', null],
    ]);
    expect(tasks[0].why).toBe('no scheduler runs: start `sparkify up`');
    expect((await world.ask('GET', '/events?type=run.created')).body.items).toMatchObject([
      { runId: body.id, kind: 'manual' },
    ]);
  });

  it('without an interval covers all time', async () => {
    const world = await openWorld(open, { pipelines: loaded });
    expect((await world.ask('POST', '/runs', { body: { pipeline: 'plays' } })).body.interval).toBe('all time');
  });

  it('has the tasks that its parameters make', async () => {
    const world = await openWorld(open, { pipelines: loaded });
    const run = (await world.ask('POST', '/runs', { body: { pipeline: 'plays', params: { shards: 5 } } })).body;
    expect(run.unfinished).toBe(7);
    const bad = await world.ask('POST', '/runs', { body: { pipeline: 'plays', params: { shards: 0 } } });
    expect([bad.status, bad.body.code]).toEqual([400, 'PARAMETER_INVALID']);
    const unknown = await world.ask('POST', '/runs', { body: { pipeline: 'plays', params: { town: 'Paris' } } });
    expect(unknown.body.detail).toContain('there is no parameter "town" (there are: city, shards)');
  });

  it('may be of some tasks and what they wait for', async () => {
    const world = await openWorld(open, { pipelines: loaded });
    const run = (await world.ask('POST', '/runs', { body: { pipeline: 'plays', only: ['load'] } })).body;
    expect(run.request).toEqual({ params: {}, only: ['load'] });
    const { items } = (await world.ask('GET', `/runs/${run.id}/tasks`)).body;
    expect(items.map((t: { task: string }) => t.task)).toEqual(['begin', 'shard_0', 'shard_1']);
    const unknown = await world.ask('POST', '/runs', { body: { pipeline: 'plays', only: ['nope'] } });
    expect([unknown.status, unknown.body.code]).toEqual([404, 'TASK_UNKNOWN']);
  });

  it('with dryRun is really made: it derives and publishes nothing', async () => {
    const world = await openWorld(open, { pipelines: loaded });
    const run = (await world.ask('POST', '/runs', { body: { pipeline: 'plays', dryRun: true } })).body;
    expect((await world.ask('GET', `/runs/${run.id}`)).body.request).toEqual({ params: {}, dryRun: true });
  });

  it('of a pipeline that is not there, was there, or does not load is refused with the reason', async () => {
    const world = await openWorld(open, { pipelines: loaded });
    const refused = async (pipeline: string): Promise<readonly unknown[]> => {
      const { status, body } = await world.ask('POST', '/runs', { body: { pipeline } });
      return [status, body.code];
    };
    expect(await refused('playz')).toEqual([404, 'PIPELINE_UNKNOWN']);
    expect((await refused('sad'))[1]).toBe('PIPELINE_BROKEN');
    await world.ask('POST', '/runs', { body: { pipeline: 'plays' } });
    const later = await openWorld(open, { pipelines: { resolved: [], broken: [] }, store: world.store });
    const gone = await later.ask('POST', '/runs', { body: { pipeline: 'plays' } });
    expect(gone.body.code).toBe('PIPELINE_GONE');
  });

  it('is made once, however often it is asked for with one key', async () => {
    const world = await openWorld(open, { pipelines: loaded });
    const ask = () => world.ask('POST', '/runs', { body: { pipeline: 'plays' }, headers: { 'idempotency-key': 'k' } });
    const [a, b] = await Promise.all([ask(), ask()]);
    expect(a.body.id).toBe(b.body.id);
    expect([a.status, b.status]).toEqual([201, 201]);
    expect((await world.ask('GET', '/runs')).body.total.count).toBe(1);
  });
});

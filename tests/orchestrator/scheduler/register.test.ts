import { every } from 'sparkify';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { SparkifyError } from '../../../src/core/errors.ts';
import { registerPipelines } from '../../../src/orchestrator/scheduler/register-pipelines.ts';
import type { ResolvedPipeline } from '../../../src/pipeline/define.ts';
import { graphOf } from '../../../src/pipeline/graph-of.ts';
import { useQuickDirectory } from '../../property/quick-directory.ts';
import { eachStore } from '../stores.ts';
import { HOUR_MS, openSchedulerWorld, pipelineOf, type SchedulerWorld, startMs } from './scheduler-world.ts';

beforeAll(useQuickDirectory);

const hourly = every('1 hour', { start: startMs });
const unloadable = (name: string, detail = 'it has no tasks') => ({
  name,
  error: new SparkifyError('PIPELINE_INVALID', { pipeline: name, detail }),
});

eachStore((_engine, open) => {
  let world: SchedulerWorld;
  beforeEach(async () => {
    world = await openSchedulerWorld(open);
  });

  const register = (
    resolved: readonly ResolvedPipeline[],
    ...broken: readonly ReturnType<typeof unloadable>[]
  ): Promise<void> => registerPipelines(world.store, { resolved, broken });
  const states = async (): Promise<Readonly<Record<string, string>>> =>
    Object.fromEntries(
      (await world.store.db.selectFrom('pipelines').select(['name', 'state']).orderBy('name').execute()).map((r) => [
        r.name,
        r.state,
      ]),
    );

  test('notes new versions with their graphs; the same once more is nothing', async () => {
    const [one, two] = [pipelineOf('one', { schedule: hourly }), pipelineOf('two')];
    await register([one, two]);
    await register([two, one]);
    expect(await world.told()).toEqual(['pipeline.changed one', 'pipeline.changed two']);
    const changed = pipelineOf('one', { maxActiveRuns: 3 });
    await register([changed, two]);
    expect(await world.told()).toEqual(['pipeline.changed one']);
    expect(await world.pipeline('one')).toMatchObject({ version: graphOf(changed).version, state: 'active' });
    const versions = await world.store.db
      .selectFrom('pipeline_versions')
      .select('graph_json')
      .where('pipeline', '=', 'one')
      .execute();
    expect(versions.map((v) => JSON.parse(v.graph_json).maxActiveRuns).sort()).toEqual([16, 3]);
  });

  test('two processes that begin at once tell of each pipeline once', async () => {
    const other = await world.another();
    for (let round = 0; round < 5; round++) {
      const names = ['a', 'b', 'c', 'd'].map((name) => `${name}${round}`);
      const resolved = names.map((name) => pipelineOf(name, { pools: { api: 2 } }));
      const loaded = { resolved, broken: [] };
      await Promise.all([
        registerPipelines(world.store, loaded),
        registerPipelines(other, { ...loaded, resolved: [...resolved].reverse() }),
      ]);
      const told = (await world.told()).filter((t) => !t.startsWith('pipeline.gone'));
      expect([...told].sort()).toEqual(names.map((name) => `pipeline.changed ${name}`));
    }
  });

  describe('a broken pipeline', () => {
    test('keeps its version and starts nothing new, the others run on; it is back when it loads again', async () => {
      const [bad, good] = [pipelineOf('bad', { schedule: hourly }), pipelineOf('good', { schedule: hourly })];
      await register([bad, good]);
      const step = world.scheduleStep();
      await step();
      world.time.advance(HOUR_MS);
      await step();
      await world.admit();
      world.time.advance(HOUR_MS);
      await step();
      await world.told();
      await register([good], unloadable('bad'));
      await register([good], unloadable('bad'));
      expect(await world.told()).toEqual(['pipeline.broken bad']);
      expect(await world.pipeline('bad')).toMatchObject({ state: 'broken', version: graphOf(bad).version });
      expect(JSON.parse((await world.pipeline('bad')).error_json!)).toMatchObject({
        code: 'PIPELINE_INVALID',
        message: 'Pipeline bad: it has no tasks',
      });
      world.time.advance(HOUR_MS);
      await step();
      await world.admit();
      const told = async (): Promise<readonly string[]> =>
        (await world.runs())
          .filter((r) => r.pipeline === 'bad')
          .map((r) => `${(r.end_ms - startMs) / HOUR_MS} ${r.state}`);
      expect(await told()).toEqual(['1 running', '2 queued']);
      expect(await world.hours('good')).toEqual([1, 2, 3]);
      // Another reason is told anew.
      await register([good], unloadable('bad', 'it throws'));
      expect(await world.told()).toEqual(['pipeline.broken bad']);
      await register([bad, good]);
      expect(await world.told()).toEqual(['pipeline.back bad']);
      await step();
      await world.admit();
      expect(await told()).toEqual(['1 running', '2 running', '3 running']);
    });

    test('that never loaded is known by its file, and forgotten when that is gone', async () => {
      await register([], unloadable('shop'));
      expect(await states()).toEqual({ shop: 'broken' });
      expect(await world.schedule()).toBeUndefined();
      await register([]);
      expect(await states()).toEqual({});
      expect(await world.told()).toEqual(['pipeline.broken shop', 'pipeline.gone shop']);
    });

    test('in a file of another name is broken, not gone', async () => {
      const orders = pipelineOf('orders', { schedule: hourly });
      await register([orders]);
      await world.told();
      await register([], unloadable('shop'));
      await register([], unloadable('shop'));
      expect(await states()).toEqual({ orders: 'broken' });
      expect(await world.told()).toEqual(['pipeline.broken orders']);
      await register([orders]);
      expect(await states()).toEqual({ orders: 'active' });
      expect(await world.told()).toEqual(['pipeline.back orders']);
    });
  });

  describe('a pipeline that is gone', () => {
    test('makes and begins nothing; what was made waits, and goes on when it comes back, with what it missed', async () => {
      const work = pipelineOf('work', { schedule: hourly, maxActiveRuns: 1 });
      await register([work]);
      const step = world.scheduleStep();
      world.time.advance(2 * HOUR_MS);
      await step();
      await world.admit();
      await world.told();
      await register([]);
      await register([]);
      expect(await world.told()).toEqual(['pipeline.gone work']);
      world.time.advance(HOUR_MS);
      expect(await step()).toBeUndefined();
      await world.admit();
      expect(await world.states()).toEqual(['running', 'queued']);
      // What was under way may end; what it leaves free is not taken.
      await world.work();
      await world.admit();
      expect(await world.states()).toEqual(['succeeded', 'queued']);
      await register([pipelineOf('work', { schedule: hourly })]);
      expect(await world.told()).toEqual(['pipeline.changed work', 'pipeline.back work']);
      await step();
      await world.admit();
      expect(await world.hours()).toEqual([1, 2, 3]);
      expect(await world.states()).toEqual(['succeeded', 'running', 'running']);
    });

    test('keeps being paused', async () => {
      const work = pipelineOf('work', { schedule: hourly });
      await register([work]);
      await world.pause(true);
      await register([]);
      await register([work]);
      expect(await world.pipeline('work')).toMatchObject({ state: 'active', paused: 1 });
    });
  });

  describe('pools', () => {
    const pools = async (): Promise<readonly string[]> =>
      (await world.store.db.selectFrom('pools').selectAll().orderBy('name').execute()).map(
        (p) => `${p.name} ${p.slots}${p.from_config === 1 ? '' : ' by command'}`,
      );

    test('of the configuration stand above those of pipelines and of commands', async () => {
      await world.store.write((tx) =>
        tx.run("insert into pools (name, slots, from_config) values ('own', 1, 0), ('db', 9, 0)"),
      );
      await world.registerWith({ pools: { api: 5 } }, pipelineOf('work', { pools: { api: 2, db: 3 } }));
      expect(await pools()).toEqual(['api 5', 'db 3', 'own 1 by command']);
    });

    test('that nobody declares any more stay as they are, for tasks may want them, and are left to commands', async () => {
      await register([pipelineOf('work', { pools: { api: 2 } })]);
      // Nobody knows what the broken one declares.
      await register([], unloadable('work'));
      expect(await pools()).toEqual(['api 2']);
      await register([pipelineOf('work')]);
      expect(await pools()).toEqual(['api 2 by command']);
    });

    test('that pipelines disagree about are an error that names both; the others run on', async () => {
      const [a, b] = [pipelineOf('a', { pools: { api: 2 } }), pipelineOf('b', { pools: { api: 3, db: 1 } })];
      const c = pipelineOf('c', { pools: { db: 1 } });
      await register([a, b, c]);
      expect(await states()).toEqual({ a: 'broken', b: 'broken', c: 'active' });
      expect(await pools()).toEqual(['db 1']);
      const error = {
        code: 'POOLS_DISAGREE',
        message: 'Pipelines give the pool "api" different numbers of slots: a 2, b 3.',
      };
      expect(await world.events('pipeline.broken')).toMatchObject([
        { pipeline: 'a', error },
        { pipeline: 'b', error },
      ]);
      await world.told();
      await world.registerWith({ pools: { api: 1 } }, a, b, c);
      expect(await states()).toEqual({ a: 'active', b: 'active', c: 'active' });
      expect(await pools()).toEqual(['api 1', 'db 1']);
    });
  });
});

import { call, cron, every } from 'sparkify';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createRuns } from '../../../src/orchestrator/runs/create-run.ts';
import { loadWaitingFacts } from '../../../src/orchestrator/runs/waiting-facts.ts';
import { whyRunWaits } from '../../../src/orchestrator/runs/why-not.ts';
import { MAX_QUEUED } from '../../../src/orchestrator/scheduler/schedule-step.ts';
import { graphOf } from '../../../src/pipeline/graph-of.ts';
import { useQuickDirectory } from '../../property/quick-directory.ts';
import { eachStore } from '../stores.ts';
import {
  DAY_MS,
  HOUR_MS,
  MINUTE_MS,
  openSchedulerWorld,
  pipelineOf,
  type SchedulerWorld,
  startMs,
} from './scheduler-world.ts';

beforeAll(useQuickDirectory);

const hourly = every('1 hour', { start: startMs });

eachStore((_engine, open) => {
  let world: SchedulerWorld;
  beforeEach(async () => {
    world = await openSchedulerWorld(open);
  });

  describe('intervals that come due', () => {
    test('become runs once, when they have ended; the step says when the next one comes', async () => {
      await world.register(pipelineOf('work', { schedule: hourly, deadline: '2 hours' }));
      const step = world.scheduleStep();
      expect(await step()).toBe(HOUR_MS);
      expect(await world.runs()).toEqual([]);
      world.time.advance(2.5 * HOUR_MS);
      expect(await step()).toBe(HOUR_MS / 2);
      expect(await step()).toBe(HOUR_MS / 2);
      const made = { kind: 'scheduled', state: 'queued', priority: 10, requested_by: 'schedule', unfinished: 2 };
      expect(await world.runs()).toMatchObject(
        [1, 2].map((n) => ({
          ...made,
          start_ms: startMs + (n - 1) * HOUR_MS,
          end_ms: startMs + n * HOUR_MS,
          due_at_ms: startMs + n * HOUR_MS,
          deadline_ms: startMs + (n + 2) * HOUR_MS,
        })),
      );
      expect((await world.pipeline('work')).scheduled_to_ms).toBe(startMs + 2 * HOUR_MS);
      world.time.advance(HOUR_MS / 2 - 1);
      expect(await step()).toBe(1);
      world.time.advance(1);
      expect(await step()).toBe(HOUR_MS);
      expect(await world.hours()).toEqual([1, 2, 3]);
    });

    test('a schedule without a start makes nothing of what ended before it was first seen', async () => {
      world.time.advance(90 * MINUTE_MS);
      await world.register(pipelineOf('work', { schedule: cron('0 * * * *') }));
      expect(await world.schedule()).toBe(30 * MINUTE_MS);
      world.time.advance(30 * MINUTE_MS);
      await world.schedule();
      expect(await world.hours()).toEqual([2]);
    });

    test('a schedule that is over asks for nothing more', async () => {
      const end = startMs + 2 * HOUR_MS;
      await world.register(pipelineOf('work', { schedule: every('1 hour', { start: startMs, end }) }));
      world.time.advance(DAY_MS);
      const step = world.scheduleStep();
      await step();
      expect(await step()).toBeUndefined();
      expect(await world.hours()).toEqual([1, 2]);
    });

    test('several pipelines: the step comes again for whichever is first', async () => {
      await world.register(
        pipelineOf('days', { schedule: every('1 day', { start: startMs }) }),
        pipelineOf('hours', { schedule: hourly }),
        pipelineOf('never'),
      );
      const step = world.scheduleStep();
      expect(await step()).toBe(HOUR_MS);
      world.time.advance(DAY_MS);
      await step();
      expect(await world.hours('hours')).toHaveLength(24);
      expect(await world.hours('days')).toEqual([24]);
      expect(await world.hours('never')).toEqual([]);
    });
  });

  describe('after a time without a scheduler', () => {
    const missing = async (missed: 'all' | 'latest' | 'none'): Promise<readonly number[]> => {
      await world.register(pipelineOf('work', { schedule: every('1 hour', { start: startMs, missed }) }));
      await world.schedule();
      world.time.advance(HOUR_MS);
      await world.schedule();
      world.time.advance(4.5 * HOUR_MS);
      await world.schedule();
      world.time.advance(HOUR_MS / 2);
      await world.schedule();
      return world.hours();
    };

    test('all: every interval is made', async () => expect(await missing('all')).toEqual([1, 2, 3, 4, 5, 6]));
    test('latest: the last one alone', async () => expect(await missing('latest')).toEqual([1, 5, 6]));
    test('none: only what ended just now', async () => expect(await missing('none')).toEqual([1, 6]));

    test('a long past becomes runs little by little, as those before it begin, oldest first', async () => {
      await world.register(
        pipelineOf(
          'work',
          { schedule: hourly, maxActiveRuns: 150 },
          call('a', () => undefined),
        ),
      );
      world.time.advance(450 * HOUR_MS);
      const step = world.scheduleStep();
      expect(await step()).toBeUndefined();
      expect(await step()).toBeUndefined();
      expect(await world.hours()).toHaveLength(MAX_QUEUED);
      let rounds = 0;
      for (; (await world.hours()).length < 450; rounds++) {
        await world.admit();
        await world.work();
        await step();
      }
      expect(rounds).toBeGreaterThan(1);
      expect(await step()).toBe(HOUR_MS);
      expect(await world.hours()).toEqual(Array.from({ length: 450 }, (_, n) => n + 1));
      const ids = (await world.runs()).map((r) => r.id);
      expect(ids).toEqual([...ids].sort((a, b) => a - b));
    });

    test('of runs that are late already when they are made, the newest alone tells it', async () => {
      await world.register(pipelineOf('work', { schedule: hourly, deadline: '90 minutes' }));
      world.time.advance(5 * HOUR_MS);
      await world.schedule();
      expect((await world.runs()).map((r) => [r.end_ms - startMs, r.late])).toEqual([
        [HOUR_MS, 1],
        [2 * HOUR_MS, 1],
        [3 * HOUR_MS, 1],
        [4 * HOUR_MS, 0],
        [5 * HOUR_MS, 0],
      ]);
    });

    test('however many there are', async () => {
      await world.register(
        pipelineOf(
          'work',
          { schedule: hourly, deadline: '10 minutes', maxActiveRuns: MAX_QUEUED },
          call('a', () => undefined),
        ),
      );
      world.time.advance((MAX_QUEUED + 9.5) * HOUR_MS);
      const step = world.scheduleStep();
      await step();
      expect((await world.runs()).every((r) => r.late === 1)).toBe(true);
      await world.admit();
      await world.admit();
      await step();
      const late = (await world.runs()).map((r) => r.late);
      expect([late.length, late.indexOf(0)]).toEqual([MAX_QUEUED + 9, MAX_QUEUED + 8]);
    });

    test('latest passes nothing over because others wait to begin', async () => {
      const work = pipelineOf('work', { schedule: every('1 hour', { start: startMs, missed: 'latest' }) });
      await world.register(work);
      const waiting = Array.from({ length: MAX_QUEUED }, (_, n) => ({
        graph: graphOf(work),
        kind: 'scheduled' as const,
        interval: { startMs: startMs - (n + 1) * HOUR_MS, endMs: startMs - n * HOUR_MS },
        request: { params: {} },
        priority: 10,
        dueAtMs: startMs - n * HOUR_MS,
        requestedBy: 'schedule',
      }));
      await world.store.write((tx) => createRuns(tx, waiting));
      world.time.advance(HOUR_MS);
      await world.schedule();
      expect(await world.hours()).toContain(1);
    });

    test('when all of them are late, the newest one tells it', async () => {
      await world.register(pipelineOf('work', { schedule: hourly, deadline: '10 minutes' }));
      world.time.advance(3.5 * HOUR_MS);
      await world.schedule();
      expect((await world.runs()).map((r) => r.late)).toEqual([1, 1, 0]);
    });
  });

  describe('a paused pipeline', () => {
    test.each([
      ['all', [1, 2, 3]],
      ['latest', [3]],
      ['none', []],
    ] as const)('makes nothing, and what it missed as %s says when it goes on', async (missed, hours) => {
      await world.register(pipelineOf('work', { schedule: every('1 hour', { start: startMs, missed }) }));
      await world.pause(true);
      world.time.advance(3.5 * HOUR_MS);
      expect(await world.schedule()).toBeUndefined();
      await world.pause(false);
      expect(await world.schedule()).toBe(HOUR_MS / 2);
      expect(await world.hours()).toEqual(hours);
    });
  });

  describe('a schedule that changes', () => {
    test('from days to hours goes on where it was, and back again', async () => {
      const daily = pipelineOf('work', { schedule: every('1 day', { start: startMs }) });
      await world.register(daily);
      const step = world.scheduleStep();
      world.time.advance(DAY_MS + 3.5 * HOUR_MS);
      await step();
      await world.register(pipelineOf('work', { schedule: hourly }));
      expect(await step()).toBe(HOUR_MS / 2);
      expect(await world.hours()).toEqual([24, 25, 26, 27]);
      await world.register(daily);
      expect(await step()).toBe(DAY_MS - 3.5 * HOUR_MS);
      world.time.advance(DAY_MS);
      await step();
      expect((await world.runs()).map((r) => (r.end_ms - r.start_ms) / HOUR_MS)).toEqual([24, 1, 24, 1, 1]);
    });

    test('away and back again is what was missed', async () => {
      await world.register(pipelineOf('work', { schedule: hourly }));
      const step = world.scheduleStep();
      world.time.advance(HOUR_MS);
      await step();
      await world.register(pipelineOf('work'));
      world.time.advance(2 * HOUR_MS);
      expect(await step()).toBeUndefined();
      await world.register(pipelineOf('work', { schedule: hourly }));
      await step();
      expect(await world.hours()).toEqual([1, 2, 3]);
    });
  });

  test('two schedulers at once make each interval once', async () => {
    await world.register(pipelineOf('work', { schedule: hourly }), pipelineOf('other', { schedule: hourly }));
    const [own, other] = [world.scheduleStep(), world.scheduleStep(await world.another())];
    for (const leap of [1, 7, 50]) {
      world.time.advance(leap * HOUR_MS);
      await Promise.all([own(), other(), own(), other()]);
    }
    const expected = Array.from({ length: 58 }, (_, n) => n + 1);
    expect(await world.hours('work')).toEqual(expected);
    expect(await world.hours('other')).toEqual(expected);
    expect(await world.events('run.created')).toHaveLength(2 * 58);
  });

  test('two schedulers at once keep to what may wait', async () => {
    await world.register(pipelineOf('work', { schedule: hourly }));
    const [own, other] = [world.scheduleStep(), world.scheduleStep(await world.another())];
    world.time.advance(1000 * HOUR_MS);
    await Promise.all([own(), other(), own(), other()]);
    expect(await world.hours()).toEqual(Array.from({ length: MAX_QUEUED }, (_, n) => n + 1));
  });

  test('a pipeline whose runs cannot be made keeps nobody back, is told once, and is back with its pool', async () => {
    const bad = pipelineOf(
      'bad',
      { schedule: hourly },
      call('a', () => undefined, { pool: 'api' }),
    );
    const good = pipelineOf('good', { schedule: hourly });
    await world.register(bad, good);
    await world.told();
    world.time.advance(HOUR_MS);
    const step = world.scheduleStep();
    expect(await step()).toBe(10_000);
    expect(await step()).toBe(10_000);
    expect(await world.hours('bad')).toEqual([]);
    expect(await world.hours('good')).toEqual([1]);
    expect(await world.events('pipeline.broken')).toMatchObject([{ pipeline: 'bad', error: { code: 'POOL_UNKNOWN' } }]);
    expect(JSON.parse((await world.pipeline('bad')).error_json!)).toMatchObject({ code: 'POOL_UNKNOWN' });
    // A command on the same project changes nothing.
    await world.register(bad, good);
    expect(await world.told()).toEqual(['pipeline.broken bad']);
    await world.registerWith({ pools: { api: 2 } }, bad, good);
    expect(await step()).toBe(HOUR_MS);
    expect(await world.hours('bad')).toEqual([1]);
    expect(await world.told()).toEqual(['pipeline.back bad']);
    expect((await world.pipeline('bad')).error_json).toBeNull();
  });

  test('a pool that a command brings is found within seconds', async () => {
    const bad = pipelineOf(
      'bad',
      { schedule: hourly },
      call('a', () => undefined, { pool: 'api' }),
    );
    await world.register(bad);
    world.time.advance(HOUR_MS);
    const step = world.scheduleStep();
    await step();
    await world.store.write((tx) => tx.run("insert into pools (name, slots, from_config) values ('api', 1, 0)"));
    world.time.advance(10_000);
    expect(await step()).toBe(HOUR_MS - 10_000);
    expect(await world.hours()).toEqual([1]);
    expect((await world.told()).slice(1)).toEqual(['pipeline.broken bad', 'pipeline.back bad']);
  });

  describe('a clock that was set', () => {
    test('back: no interval is made twice', async () => {
      await world.register(pipelineOf('work', { schedule: hourly }));
      const step = world.scheduleStep();
      world.time.advance(5 * HOUR_MS);
      await step();
      world.time.advance(-3.5 * HOUR_MS);
      expect(await step()).toBe(4.5 * HOUR_MS);
      world.time.advance(3.5 * HOUR_MS);
      await step();
      expect(await world.hours()).toEqual([1, 2, 3, 4, 5]);
    });

    test('ahead and back again: what was made too early waits for its time, and nothing is lost', async () => {
      await world.register(pipelineOf('work', { schedule: hourly }));
      const step = world.scheduleStep();
      world.time.advance(6 * HOUR_MS);
      await step();
      world.time.advance(-4 * HOUR_MS);
      await step();
      expect(await world.admit()).toBe(HOUR_MS);
      expect(await world.states()).toEqual(['running', 'running', 'queued', 'queued', 'queued', 'queued']);
      const third = (await world.runs())[2]!.id;
      const facts = await loadWaitingFacts(world.store.db, [third], world.time.nowMs());
      expect(whyRunWaits(facts.get(third)!)).toBe('its interval is not over until 2026-01-01T03:00Z');
      for (let hour = 2; hour < 8; hour++) {
        world.time.advance(HOUR_MS);
        await step();
        await world.admit();
        await world.work();
      }
      expect(await world.hours()).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
      expect(new Set(await world.states())).toEqual(new Set(['succeeded']));
    });
  });
});

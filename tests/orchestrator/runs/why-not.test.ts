import { expect, test } from 'vitest';
import { loadWaitingFacts } from '../../../src/orchestrator/runs/waiting-facts.ts';
import { whyNot, whyRunWaits } from '../../../src/orchestrator/runs/why-not.ts';
import { graphFrom, graphOfTasks, graphTask } from '../graphs.ts';
import { DAY_MS, done, failing, openRunWorld, type RunWorld } from '../run-world.ts';
import { eachStore } from '../stores.ts';

async function addWorker(world: RunWorld, id: string, queues: readonly string[], slots = 4): Promise<void> {
  await world.write((tx) =>
    tx.run(
      `insert into workers (id, kind, host, pid, queues_json, slots, started_at_ms, heartbeat_at_ms)
       values ($1, 'up', 'here', 1, $2, $3, 0, $4)`,
      [id, JSON.stringify(queues), slots, tx.nowMs],
    ),
  );
}

async function why(world: RunWorld, run: number, task: string): Promise<string | undefined> {
  const facts = await loadWaitingFacts(world.store.db, [run], world.clock.nowMs());
  return whyNot(await world.task(run, task), facts.get(run)!);
}

async function whyRun(world: RunWorld, run: number): Promise<string | undefined> {
  const facts = await loadWaitingFacts(world.store.db, [run], world.clock.nowMs());
  return whyRunWaits(facts.get(run)!);
}

eachStore((_engine, open) => {
  test('a task says what it waits for before it, or how it ended', async () => {
    const world = await openRunWorld(open);
    await addWorker(world, 'w1', ['default']);
    const run = await world.start(graphFrom('a, b, c, d, e after a b c d, f after e'));
    expect(await why(world, run, 'e')).toBe('waits for a, b, c and 1 more');
    const [a, b] = await world.claim();
    expect(await why(world, run, 'a')).toBeUndefined();
    await world.end(a!, done);
    expect(await why(world, run, 'e')).toBe('waits for b, c, d');
    await world.end(b!, failing(false, 'no such file'));
    expect(await why(world, run, 'b')).toBe('no such file');
    await world.work();
    expect(await why(world, run, 'e')).toBe('waits for c, d');
    expect(await why(world, run, 'a')).toBeUndefined();
  });

  test('a retry, a sensor and a crash say when they go on, and after what', async () => {
    const world = await openRunWorld(open);
    await addWorker(world, 'w1', ['default']);
    const retries = { max: 3, delayMs: 300_000, factor: 1, maxDelayMs: 300_000, jitter: 0 };
    const run = await world.start(
      graphOfTasks([
        graphTask('load', { retries }),
        graphTask('wait', { sensor: { everyMs: 60_000, timeoutMs: DAY_MS, onTimeout: 'fail' } }),
        graphTask('crash'),
      ]),
    );
    const [load, wait] = await world.claim();
    await world.end(load!, failing(true, 'the bucket is away'));
    await world.end(wait!, { state: 'not-yet', detail: '2 of 3 objects', againAtMs: world.clock.nowMs() + 60_000 });
    expect(await why(world, run, 'load')).toBe(
      'retry 1 of 3 at 2026-01-01T00:05Z after FUNCTION_FAILED: the bucket is away',
    );
    expect(await why(world, run, 'wait')).toBe('looks again at 2026-01-01T00:01Z (1 so far): 2 of 3 objects');
    world.clock.advance(30_000);
    await world.queue.expire();
    expect(await why(world, run, 'crash')).toBe('tried again at 2026-01-01T00:00:31.000Z: its worker w1 died');
  });

  test('a ready task names the queue nobody serves, the pool that is full, the run that has the warehouse, the slots', async () => {
    const world = await openRunWorld(open);
    await world.pool('narrow', 1);
    const graph = graphOfTasks([
      graphTask('gpu', { queue: 'gpu' }),
      graphTask('first', { pool: 'narrow' }),
      graphTask('second', { pool: 'narrow' }),
      graphTask('stage', { data: true }),
      graphTask('free'),
    ]);
    const run = await world.start(graph, { day: 0 });
    expect(await why(world, run, 'free')).toBe('no worker runs: start `sparkify up`');
    await addWorker(world, 'w1', ['default'], 3);
    expect(await why(world, run, 'gpu')).toBe(
      'no worker serves the queue gpu: start one with `sparkify worker --queues gpu`',
    );
    expect(await why(world, run, 'free')).toBe('is about to be claimed');
    const next = await world.start(graph, { day: 1 });
    const claimed = await world.claim({ limit: 3 });
    expect(claimed.map((c) => c.row.task)).toEqual(['first', 'stage', 'free']);
    expect(await why(world, run, 'second')).toBe(`pool narrow is full (1 of 1: first of run ${run})`);
    expect(await why(world, next, 'stage')).toBe(`run ${run} of sparkify has the warehouse open (w1)`);
    expect(await why(world, next, 'free')).toBe('all slots are taken (3 of 3)');
    await world.write((tx) => tx.run('delete from pools'));
    expect(await why(world, next, 'first')).toBe(
      'there is no pool narrow: define it under `pools` in sparkify.config.ts',
    );
    expect(await whyRun(world, run)).toBeUndefined();
    expect(await whyRun(world, next)).toBe(
      'gpu: no worker serves the queue gpu: start one with `sparkify worker --queues gpu`',
    );
  });

  test('a queued run says what keeps it: its pipeline, its limits, the scheduler', async () => {
    const world = await openRunWorld(open);
    const graph = { ...graphFrom('a'), maxActiveRuns: 1 };
    const first = await world.start(graph, { kind: 'scheduled', day: 0 });
    const second = await world.create(graph, { kind: 'scheduled', day: 1 });
    const asked = await world.create(graph, { day: 2 });
    expect(await whyRun(world, asked)).toBe('no scheduler runs: start `sparkify up`');
    await addWorker(world, 'w1', ['default']);
    expect(await whyRun(world, second)).toBe(`1 of 1 scheduled runs of sparkify are under way: run ${first}`);
    expect(await whyRun(world, asked)).toBe('the scheduler is about to start it');
    await world.write((tx) => tx.run('update pipelines set paused = 1'));
    expect(await whyRun(world, second)).toBe('pipeline sparkify is paused');
    await world.write((tx) => tx.run("update pipelines set state = 'broken'"));
    expect(await whyRun(world, asked)).toBe('pipeline sparkify is broken');
    expect(await why(world, asked, 'a')).toBe('pipeline sparkify is broken');
  });

  test('a task that depends on its past names the interval', async () => {
    const world = await openRunWorld(open);
    const graph = graphOfTasks([graphTask('a', { dependsOnPast: true })]);
    await world.start(graph, { day: 0 });
    const next = await world.start(graph, { day: 1 });
    expect(await why(world, next, 'a')).toBe('a of the interval that ended at 1970-01-02 has not succeeded');
  });
});

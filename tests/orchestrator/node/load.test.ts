import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import pg from 'pg';
import { call, chain, every, type FunctionContext, mapped, together } from 'sparkify';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { systemClock } from '../../../src/core/clock.ts';
import { systemTimers } from '../../../src/core/timers.ts';
import { createBackfill } from '../../../src/orchestrator/backfill/create-backfill.ts';
import { makePlan } from '../../../src/orchestrator/cells/make-plan.ts';
import { openAttemptLogs } from '../../../src/orchestrator/logs/attempt-logs.ts';
import { type NodeRole, type RunningNode, startNode } from '../../../src/orchestrator/node/node.ts';
import { openStore } from '../../../src/orchestrator/store/open-store.ts';
import type { Store } from '../../../src/orchestrator/store/store.ts';
import { createTestDatabase, type TestDatabase } from '../../postgres-server/database.ts';
import { HOUR_MS, pipelineOf } from './node-world.ts';

/** `npm run test:long` has ten minutes. */
const SECONDS = Number(process.env.SPARKIFY_LOAD_SECONDS ?? '6');
const POOLS = { narrow: 2, wide: 5 } as const;
const ROLES: readonly NodeRole[] = ['up', 'up', 'worker', 'worker', 'worker', 'worker'];
const HISTORY_MS = Date.UTC(2000, 0, 1);
/** Cells of one backfill. */
const CELLS = 24;

let directory: string;
let database: TestDatabase;
let stores: Store[];
const nodes: RunningNode[] = [];

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'sparkify-load-'));
  database = await createTestDatabase();
  stores = [];
  for (const _ of ROLES) stores.push(await openStore(database.url, { clock: systemClock }));
});

afterEach(async () => {
  for (const node of nodes) node.stop('now');
  await Promise.all(nodes.splice(0).map((n) => n.done));
  await Promise.all(stores.map((s) => s.close()));
  await database.drop();
  rmSync(directory, { recursive: true, force: true });
});

/** What the functions themselves see: how full each pool is, and how often each piece of work is done. */
class Witness {
  readonly done = new Map<string, number>();
  readonly most: Record<string, number> = {};
  readonly #used: Record<string, number> = {};

  async work(context: FunctionContext, task: string, pool: keyof typeof POOLS, slots: number): Promise<void> {
    this.#use(pool, slots);
    try {
      await wait(Math.random() * 4);
      // Some attempts fail, so that retries are among what is claimed.
      if (context.attempt === 1 && Math.random() < 0.05) throw new Error('once more');
      const key = `${context.pipeline} ${context.interval.startMs} ${task}`;
      this.done.set(key, (this.done.get(key) ?? 0) + 1);
    } finally {
      this.#use(pool, -slots);
    }
  }

  #use(pool: string, slots: number): void {
    this.#used[pool] = (this.#used[pool] ?? 0) + slots;
    this.most[pool] = Math.max(this.most[pool] ?? 0, this.#used[pool]!);
  }
}

function loadPipeline(name: string, schedule: ReturnType<typeof every>, witness: Witness) {
  const retries = { max: 5, delay: 0 };
  return pipelineOf(
    name,
    { schedule, pools: POOLS, maxActiveRuns: 8 },
    chain(
      call('begin', (c) => witness.work(c, 'begin', 'narrow', 1), { pool: 'narrow', retries }),
      together(
        call('left', (c) => witness.work(c, 'left', 'wide', 2), { pool: 'wide', poolSlots: 2, retries }),
        mapped('each', {
          over: () => [1, 2, 3],
          run: (c, input) => witness.work(c, `each ${input}`, 'wide', 1),
          pool: 'wide',
          retries,
        }),
      ),
      call('end', (c) => witness.work(c, 'end', 'narrow', 1), { pool: 'narrow', retries }),
    ),
  );
}

test(`two schedulers and four workers under load for ${SECONDS} s: every cell once, no pool over-booked, no deadlock`, {
  timeout: SECONDS * 2000 + 120_000,
}, async () => {
  const witness = new Witness();
  const live = loadPipeline(
    'live',
    every('2 seconds', { start: Math.floor(systemClock.nowMs() / 1000) * 1000 }),
    witness,
  );
  // Nothing but backfills: its own schedule begins with the next hour.
  const past = loadPipeline('past', every('1 hour'), witness);
  const resolved = [live, past];
  const notes: string[] = [];
  for (const [i, role] of ROLES.entries())
    nodes.push(
      await startNode({
        role,
        store: stores[i]!,
        pipelines: { resolved, broken: [] },
        worker: {
          openSource: () => Promise.reject(new Error('no source')),
          logs: openAttemptLogs({ directory: join(directory, 'logs'), clock: systemClock }),
        },
        slots: 4,
        clock: systemClock,
        timers: systemTimers,
        monotonicMs: () => performance.now(),
        random: Math.random,
        note: (detail) => notes.push(detail),
        onFatal: (error) => notes.push(String(error)),
      }),
    );
  const store = stores[0]!;
  const backfilling = async () =>
    store.db.selectFrom('backfills').select('id').where('state', 'not in', ['succeeded', 'failed']).execute();

  const until = systemClock.nowMs() + SECONDS * 1000;
  let backfills = 0;
  while (systemClock.nowMs() < until) {
    if ((await backfilling()).length < 2) {
      const fromMs = HISTORY_MS + backfills++ * CELLS * HOUR_MS;
      const range = { fromMs, toMs: fromMs + CELLS * HOUR_MS, coalesce: 1, newestFirst: backfills % 2 === 0 };
      await createBackfill(store, await makePlan(store.db, 'past', range, systemClock.nowMs()), { requestedBy: 'me' });
    }
    await wait(50);
  }
  while ((await backfilling()).length > 0 || !(await settled(store))) await wait(20);

  expect(notes).toEqual([]);
  const runs = await store.db.selectFrom('runs').select(['pipeline', 'state', 'start_ms', 'end_ms']).execute();
  const ended = runs.filter((r) => r.state === 'succeeded');
  for (const pipeline of ['live', 'past']) {
    const starts = ended.filter((r) => r.pipeline === pipeline).map((r) => r.start_ms);
    const length = pipeline === 'live' ? 2000 : HOUR_MS;
    starts.sort((a, b) => a - b);
    expect(starts).toEqual(Array.from(starts, (_, i) => starts[0]! + i * length));
  }
  expect(runs.filter((r) => r.state === 'failed')).toEqual([]);
  expect(ended.filter((r) => r.pipeline === 'past')).toHaveLength(backfills * CELLS);
  expect(ended.filter((r) => r.pipeline === 'live').length).toBeGreaterThan(SECONDS / 4);
  // What was done is done once: each task of each run that ended, and nothing twice.
  const done = [...witness.done].filter(([key]) => ended.some((r) => key.startsWith(`${r.pipeline} ${r.start_ms} `)));
  expect(done).toHaveLength(ended.length * 6);
  expect(new Set([...witness.done.values()])).toEqual(new Set([1]));
  expect(witness.most.narrow).toBeLessThanOrEqual(POOLS.narrow);
  expect(witness.most.wide).toBeLessThanOrEqual(POOLS.wide);
  expect(await deadlocks()).toBe(0);
});

/** No run is between its making and its end at this moment. */
async function settled(store: Store): Promise<boolean> {
  const rows = await store.db
    .selectFrom('runs')
    .select('id')
    .where('state', 'in', ['queued', 'running', 'cancelling'])
    .execute();
  return rows.length === 0;
}

async function deadlocks(): Promise<number> {
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  try {
    const { rows } = await client.query('select deadlocks from pg_stat_database where datname = current_database()');
    return Number(rows[0].deadlocks);
  } finally {
    await client.end();
  }
}

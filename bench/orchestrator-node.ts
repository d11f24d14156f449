/**
 * A node as `up` starts it, with no-op functions: one run of a chain of 10 from its making to its end, how many tasks a second
 * a fan-out passes through, 1,000 runs of 10 tasks, and how long after its due time the first task of a scheduled run begins.
 * On SQLite with every commit flushed, and on a PostgreSQL of its own that flushes too.
 *
 *     npm run bench -- orchestrator-node [both|embedded|postgres] [tasks=10000] [runs=1000] [rounds=5]
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { systemClock } from '../src/core/clock.ts';
import { systemTimers } from '../src/core/timers.ts';
import { openAttemptLogs } from '../src/orchestrator/logs/attempt-logs.ts';
import { type RunningNode, startNode } from '../src/orchestrator/node/node.ts';
import { createRuns } from '../src/orchestrator/runs/create-run.ts';
import { openStore } from '../src/orchestrator/store/open-store.ts';
import type { Store } from '../src/orchestrator/store/store.ts';
import {
  definePipeline,
  type PipelineOptions,
  type ResolvedPipeline,
  resolvePipeline,
} from '../src/pipeline/define.ts';
import { call } from '../src/pipeline/function-tasks.ts';
import { graphOf } from '../src/pipeline/graph-of.ts';
import { every } from '../src/pipeline/schedule.ts';
import { chain, type TaskSet } from '../src/pipeline/task.ts';
import { startPostgresServer } from '../tests/postgres-server/server.ts';
import { median, type ResultRow, report, say } from './results.ts';

const DAY_MS = 86_400_000;
const [which = 'both', ...numbers] = process.argv.slice(2);
const [taskCount = 10_000, runCount = 1000, rounds = 5] = numbers.map(Number);

interface Engine {
  readonly name: string;
  readonly goals: { readonly tasksPerSecond: string; readonly runs: string; readonly chain: string };
  /** A store without anything in it. */
  empty(): Promise<Store>;
}

const folder = mkdtempSync(join(tmpdir(), 'sparkify-node-'));
const nothing = (name: string): TaskSet => call(name, () => undefined);
const ten = (): TaskSet => chain(...Array.from({ length: 10 }, (_, i) => nothing(`t${i}`)));

function pipelineOf(name: string, tasks: TaskSet, more: Partial<PipelineOptions<z.ZodObject>> = {}): ResolvedPipeline {
  const define = () => ({ stagings: [], tables: [], tasks });
  return resolvePipeline(definePipeline({ name, params: z.object({}), define, ...more }), {});
}

async function started(store: Store, pipelines: readonly ResolvedPipeline[], slots: number): Promise<RunningNode> {
  return startNode({
    role: 'up',
    store,
    pipelines: { resolved: pipelines, broken: [] },
    worker: {
      openSource: () => Promise.reject(new Error('there is no source')),
      logs: openAttemptLogs({ directory: join(folder, 'logs'), clock: systemClock }),
    },
    slots,
    clock: systemClock,
    timers: systemTimers,
    monotonicMs: () => performance.now(),
    random: Math.random,
    note: say,
    onFatal: (error) => {
      throw error;
    },
  });
}

async function stopped(node: RunningNode, store: Store): Promise<void> {
  node.stop('now');
  await node.done;
  await store.close();
}

/** Asks for runs by hand, as a person or a program does, and gives when all of them have ended. */
async function carriedOut(store: Store, pipeline: ResolvedPipeline, count: number): Promise<void> {
  const graph = graphOf(pipeline);
  let last = 0;
  for (let made = 0; made < count; made += 100)
    await store.write(async (tx) => {
      const ids = await createRuns(
        tx,
        Array.from({ length: Math.min(100, count - made) }, (_, i) => ({
          graph,
          kind: 'manual' as const,
          interval: { startMs: (made + i) * DAY_MS, endMs: (made + i + 1) * DAY_MS },
          request: { params: {} },
          priority: 0,
          dueAtMs: tx.nowMs,
          requestedBy: 'bench',
        })),
      );
      last = ids.at(-1)!;
    });
  await until(store, async () => {
    const open = await store.db
      .selectFrom('runs')
      .select('id')
      .where('id', '<=', last)
      .where('state', 'in', ['queued', 'running', 'cancelling'])
      .limit(1)
      .execute();
    return open.length === 0;
  });
}

/** Looks again whenever the store has changed. */
async function until(store: Store, look: () => Promise<boolean>): Promise<void> {
  for (;;) {
    let heard: () => void = () => {};
    const changed = new Promise<void>((resolve) => {
      heard = resolve;
    });
    const end = store.onChange(heard);
    try {
      if (await look()) return;
      await changed;
    } finally {
      end();
    }
  }
}

async function seconds(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await work();
  return (performance.now() - began) / 1000;
}

async function oneChain(engine: Engine): Promise<ResultRow> {
  const store = await engine.empty();
  const pipeline = pipelineOf('chain', ten());
  const node = await started(store, [pipeline], 8);
  const spent: number[] = [];
  for (let round = 0; round <= rounds * 4; round++) {
    const ms = 1000 * (await seconds(() => carriedOut(store, pipeline, 1)));
    if (round > 0) spent.push(ms);
  }
  await stopped(node, store);
  return {
    measure: `${engine.name}: chain of 10 no-op tasks, one run`,
    goal: engine.goals.chain,
    value: median(spent),
    unit: 'ms',
    detail: `from its making to its end, ${spent.length} rounds: ${spent.map((ms) => ms.toFixed(0)).join(', ')} ms`,
  };
}

async function fanOut(engine: Engine): Promise<ResultRow> {
  const middle = Array.from({ length: taskCount }, (_, i) => nothing(`t${i}`));
  const pipeline = pipelineOf('fan', chain(nothing('begin'), middle, nothing('end')));
  const rates: number[] = [];
  for (let round = 0; round <= rounds; round++) {
    const store = await engine.empty();
    const node = await started(store, [pipeline], 200);
    const spent = await seconds(() => carriedOut(store, pipeline, 1));
    if (round > 0) rates.push(taskCount / spent);
    await stopped(node, store);
  }
  return {
    measure: `${engine.name}: no-op functions a second, fan-out`,
    goal: engine.goals.tasksPerSecond,
    value: median(rates),
    unit: '/s',
    detail: `${taskCount} tasks between two, 200 slots, making included: ${rates.map((r) => Math.round(r)).join(', ')}`,
  };
}

async function manyRuns(engine: Engine): Promise<ResultRow> {
  const pipeline = pipelineOf('chain', ten());
  const spent: number[] = [];
  for (let round = 0; round <= rounds; round++) {
    const store = await engine.empty();
    const node = await started(store, [pipeline], 200);
    const time = await seconds(() => carriedOut(store, pipeline, runCount));
    if (round > 0) spent.push(time);
    await stopped(node, store);
  }
  return {
    measure: `${engine.name}: ${runCount} runs × 10 no-op functions`,
    goal: engine.goals.runs,
    value: median(spent),
    unit: 's',
    detail: `asked for at once, 200 slots: ${spent.map((s) => s.toFixed(2)).join(', ')} s`,
  };
}

async function sinceDue(engine: Engine): Promise<ResultRow> {
  const store = await engine.empty();
  const startMs = Math.floor(systemClock.nowMs() / 1000) * 1000;
  const pipeline = pipelineOf('punctual', nothing('first'), { schedule: every('1 second', { start: startMs }) });
  const node = await started(store, [pipeline], 8);
  const wanted = rounds * 4;
  const done = store.db.selectFrom('runs').select('id').where('state', '=', 'succeeded');
  await until(store, async () => (await done.execute()).length > wanted);
  const rows = await store.db
    .selectFrom('tasks as t')
    .innerJoin('runs as r', 'r.id', 't.run_id')
    .select(['t.started_at_ms', 'r.due_at_ms'])
    .where('t.state', '=', 'succeeded')
    .orderBy('r.due_at_ms')
    .execute();
  await stopped(node, store);
  const spent = rows.slice(1).map((r) => Number(r.started_at_ms) - Number(r.due_at_ms));
  return {
    measure: `${engine.name}: from due time to first task`,
    goal: '≤ 50',
    value: median(spent),
    unit: 'ms',
    detail: `every second, ${spent.length} times: ${spent.join(', ')} ms`,
  };
}

async function measure(engine: Engine): Promise<void> {
  const rows: ResultRow[] = [];
  for (const step of [oneChain, sinceDue, fanOut, manyRuns]) {
    rows.push(await step(engine));
    say(`${rows.at(-1)!.measure}: ${rows.at(-1)!.value.toFixed(2)} ${rows.at(-1)!.unit}`);
  }
  report(rows);
}

let count = 0;
try {
  if (which !== 'postgres')
    await measure({
      name: 'embedded',
      goals: { tasksPerSecond: '≥ 2,000', runs: '≤ 10', chain: '≤ 50' },
      empty: () => openStore(`sqlite:${join(folder, `store-${++count}.db`)}`),
    });
  if (which !== 'embedded') {
    const server = await startPostgresServer({ fsync: true });
    try {
      await measure({
        name: 'PostgreSQL',
        goals: { tasksPerSecond: '≥ 5,000', runs: '≤ 3', chain: '≤ 100' },
        empty: () => openStore(`${server.url('postgres')}?schema=node_${++count}`),
      });
    } finally {
      await server.dispose();
    }
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}

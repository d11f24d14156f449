/**
 * The task table as a queue, without workers and functions around it: how many no-op tasks a second pass through, how long
 * 1,000 runs of 10 tasks take from their making to their end, one chain of 10, and what a claim costs when a million task
 * instances lie in the store. On SQLite with every commit flushed, and on a PostgreSQL of its own that flushes too; two
 * workers of one process on the latter.
 *
 *     npm run bench -- orchestrator-queue [both|embedded|postgres] [tasks=20000] [runs=1000] [instances=1000000] [rounds=5]
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { Claim, Completion, TaskQueue } from '../src/orchestrator/queue/queue.ts';
import { createTaskQueue } from '../src/orchestrator/queue/task-queue.ts';
import { createRuns } from '../src/orchestrator/runs/create-run.ts';
import { createRunGraphs } from '../src/orchestrator/runs/run-graph.ts';
import { startRuns } from '../src/orchestrator/runs/start-runs.ts';
import { openStore } from '../src/orchestrator/store/open-store.ts';
import type { Store } from '../src/orchestrator/store/store.ts';
import type { PipelineGraph } from '../src/pipeline/graph.ts';
import { graphOfTasks, graphTask } from '../tests/orchestrator/graphs.ts';
import { startPostgresServer } from '../tests/postgres-server/server.ts';
import { median, type ResultRow, report, say } from './results.ts';

const DAY_MS = 86_400_000;
/** What a worker takes at once. */
const BATCH = 200;
const [which = 'both', ...numbers] = process.argv.slice(2);
const [taskCount = 20_000, runCount = 1000, instances = 1_000_000, rounds = 5] = numbers.map(Number);

interface Engine {
  readonly name: string;
  readonly workers: number;
  readonly goals: { readonly tasksPerSecond: string; readonly runs: string; readonly chain: string };
  /** A store without anything in it. */
  empty(): Promise<Store>;
}

const graphs = createRunGraphs();
const names = (count: number): readonly string[] => Array.from({ length: count }, (_, i) => `t${i}`);
const chainOfTen = (pipeline: string): PipelineGraph =>
  graphOfTasks(
    names(10).map((name, i) => graphTask(name, { after: i === 0 ? [] : [`t${i - 1}`] })),
    { pipeline },
  );

async function start(store: Store, graph: PipelineGraph, count: number, firstDay = 0): Promise<void> {
  // As a scheduler does: a hundred at once.
  for (let day = firstDay; day < firstDay + count; day += 100)
    await store.write(async (tx) => {
      const runs = Array.from({ length: Math.min(100, firstDay + count - day) }, (_, i) => ({
        graph,
        kind: 'backfill' as const,
        interval: { startMs: (day + i) * DAY_MS, endMs: (day + i + 1) * DAY_MS },
        request: { params: {} },
        priority: 20,
        dueAtMs: tx.nowMs,
        requestedBy: 'bench',
      }));
      await startRuns(tx, graphs, await createRuns(tx, runs));
    });
}

/** Works until `left` tasks are done by all workers together. */
async function worker(store: Store, name: string, left: { count: number }): Promise<void> {
  const queue: TaskQueue = createTaskQueue(store, { random: Math.random, graphs });
  const request = { worker: name, queues: ['default'], limit: BATCH, warehouse: true, leaseMs: 30_000 };
  let completions: readonly Completion[] = [];
  while (left.count > 0) {
    const { refused, claimed } = await queue.completeAndClaim(completions, request);
    if (refused.length > 0) throw new Error(`${refused.length} completions were refused`);
    left.count -= completions.length;
    completions = claimed.map(succeeded);
    // Another worker has them all at this moment.
    if (claimed.length === 0) await pause(1);
  }
}

function succeeded({ taskId, worker, attempt }: Claim): Completion {
  return { state: 'succeeded', claim: { taskId, worker, attempt }, detail: 'done' };
}

async function drain(store: Store, workers: number, tasks: number): Promise<void> {
  const left = { count: tasks };
  await Promise.all(Array.from({ length: workers }, (_, i) => worker(store, `w${i}`, left)));
  const open = await store.db.selectFrom('runs').select('id').where('state', '<>', 'succeeded').execute();
  if (open.length > 0 || left.count !== 0) throw new Error(`${open.length} runs did not succeed`);
}

async function seconds(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await work();
  return (performance.now() - began) / 1000;
}

async function fanOut(engine: Engine): Promise<ResultRow> {
  const middle = names(taskCount);
  const graph = graphOfTasks([
    graphTask('begin'),
    ...middle.map((name) => graphTask(name, { after: ['begin'] })),
    graphTask('end', { after: middle }),
  ]);
  const rates: number[] = [];
  for (let round = 0; round <= rounds; round++) {
    const store = await engine.empty();
    await start(store, graph, 1);
    const spent = await seconds(() => drain(store, engine.workers, taskCount + 2));
    if (round > 0) rates.push(taskCount / spent);
    await store.close();
  }
  return {
    measure: `${engine.name}: no-op tasks a second, fan-out`,
    goal: engine.goals.tasksPerSecond,
    value: median(rates),
    unit: '/s',
    detail: `${taskCount} tasks between two, ${rounds} rounds, ${engine.workers} workers, ${BATCH} at once: ${rates.map((r) => Math.round(r)).join(', ')}`,
  };
}

async function manyRuns(engine: Engine): Promise<ResultRow> {
  const spent: number[] = [];
  for (let round = 0; round <= rounds; round++) {
    const store = await engine.empty();
    const graph = chainOfTen('chain');
    const time = await seconds(async () => {
      await start(store, graph, runCount);
      await drain(store, engine.workers, runCount * 10);
    });
    if (round > 0) spent.push(time);
    await store.close();
  }
  return {
    measure: `${engine.name}: ${runCount} runs × 10 tasks, made and done`,
    goal: engine.goals.runs,
    value: median(spent),
    unit: 's',
    detail: `chains; ${rounds} rounds: ${spent.map((s) => s.toFixed(2)).join(', ')} s`,
  };
}

async function oneChain(engine: Engine): Promise<ResultRow> {
  const spent: number[] = [];
  const store = await engine.empty();
  for (let round = 0; round <= rounds * 4; round++) {
    const time = await seconds(async () => {
      await start(store, chainOfTen('single'), 1, round);
      const queue = createTaskQueue(store, { random: Math.random, graphs });
      const request = { worker: 'w', queues: ['default'], limit: 8, warehouse: true, leaseMs: 30_000 };
      let completions: readonly Completion[] = [];
      for (let i = 0; i <= 10; i++) {
        const { claimed } = await queue.completeAndClaim(completions, request);
        if (claimed.length !== (i < 10 ? 1 : 0)) throw new Error(`${claimed.length} claimed`);
        completions = claimed.map(succeeded);
      }
    });
    if (round > 0) spent.push(time * 1000);
  }
  await store.close();
  return {
    measure: `${engine.name}: chain of 10, one run`,
    goal: engine.goals.chain,
    value: median(spent),
    unit: 'ms',
    detail: `made, claimed and completed one by one, each end with the next claim; ${spent.length} rounds`,
  };
}

/** Fills the store with the past: runs of ten tasks, each with its attempt. */
async function fill(store: Store, upTo: number): Promise<void> {
  await store.write(async (tx) => {
    const [{ have } = { have: 0 }] = await tx.all<{ have: number }>('select count(*) as have from tasks');
    const runs = Math.max(0, Math.ceil((upTo - Number(have)) / 10));
    const [{ last } = { last: 0 }] = await tx.all<{ last: number | null }>('select max(id) as last from runs');
    await tx.run(
      `with recursive n(i) as (select 1 union all select i + 1 from n where i < ${runs})
       insert into runs (pipeline, version, kind, start_ms, end_ms, state, priority, request_json, due_at_ms, created_at_ms,
         started_at_ms, finished_at_ms, late, unfinished, failures, requested_by)
       select 'past', 'v1', 'backfill', i, i + 1, 'succeeded', 20, '{"params":{}}', 0, 0, 0, 0, 0, 0, 0, 'bench' from n`,
    );
    await tx.run(
      `insert into tasks (run_id, pipeline, task, map_index, state, priority, queue, pool_slots, data, ready_at_ms, blockers,
         blockers_failed, blockers_skipped, attempt, failures, crashes, looks, detail, started_at_ms, finished_at_ms)
       select r.id, 'past', 't' || v.n, -1, 'succeeded', 20, 'default', 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 'done', 0, 0
       from runs r cross join (select 0 as n union all select 1 union all select 2 union all select 3 union all select 4
         union all select 5 union all select 6 union all select 7 union all select 8 union all select 9) v
       where r.pipeline = 'past' and r.id > ${Number(last ?? 0)}`,
    );
    await tx.run(
      `insert into attempts (task_id, attempt, run_id, worker, state, started_at_ms, finished_at_ms)
       select t.id, 1, t.run_id, 'w', 'succeeded', 0, 0 from tasks t where t.pipeline = 'past' and t.run_id > ${Number(last ?? 0)}`,
    );
  });
}

async function claimLatency(store: Store, graph: PipelineGraph, firstDay: number): Promise<number> {
  const queue = createTaskQueue(store, { random: Math.random, graphs });
  await start(store, graph, 40, firstDay);
  const request = { worker: 'w', queues: ['default'], limit: 1, warehouse: true, leaseMs: 30_000 };
  const times: number[] = [];
  for (let i = 0; i < 400; i++) {
    const began = performance.now();
    const claimed = await queue.claim(request);
    times.push(performance.now() - began);
    await queue.complete(claimed.map(succeeded));
  }
  return median(times);
}

async function latency(engine: Engine): Promise<ResultRow> {
  const store = await engine.empty();
  const graph = chainOfTen('live');
  const few: number[] = [];
  const many: number[] = [];
  await fill(store, 1000);
  for (let round = 0; round <= rounds; round++) {
    const ms = await claimLatency(store, graph, round * 100);
    if (round > 0) few.push(ms);
  }
  say(`${engine.name}: filling the store`);
  for (let size = 100_000; size < instances; size += 100_000) await fill(store, size);
  await fill(store, instances);
  for (let round = 0; round <= rounds; round++) {
    const ms = await claimLatency(store, graph, 1_000_000 + round * 100);
    if (round > 0) many.push(ms);
  }
  await store.close();
  return {
    measure: `${engine.name}: claim with ${instances.toLocaleString('en-US')} task instances in the store ÷ with 1,000`,
    goal: '≤ 1.5',
    value: median(many) / median(few),
    unit: '',
    detail: `one task at a time, 400 claims a round, ${rounds} rounds: ${median(few).toFixed(2)} → ${median(many).toFixed(2)} ms`,
  };
}

async function measure(engine: Engine): Promise<void> {
  const rows: ResultRow[] = [];
  for (const step of [fanOut, manyRuns, oneChain, latency]) {
    rows.push(await step(engine));
    say(`${rows.at(-1)!.measure}: ${rows.at(-1)!.value.toFixed(2)} ${rows.at(-1)!.unit}`);
  }
  report(rows);
}

const folder = mkdtempSync(join(tmpdir(), 'sparkify-queue-'));
let count = 0;
try {
  if (which !== 'postgres')
    await measure({
      name: 'embedded',
      workers: 1,
      goals: { tasksPerSecond: '≥ 2,000', runs: '≤ 10', chain: '≤ 50' },
      empty: () => openStore(`sqlite:${join(folder, `store-${++count}.db`)}`),
    });
  if (which !== 'embedded') {
    const server = await startPostgresServer({ fsync: true });
    try {
      await measure({
        name: 'PostgreSQL',
        workers: 2,
        goals: { tasksPerSecond: '≥ 5,000', runs: '≤ 3', chain: '≤ 100' },
        empty: () => openStore(`${server.url('postgres')}?schema=queue_${++count}`),
      });
    } finally {
      await server.dispose();
    }
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}

/**
 * Answers of the HTTP API over a store of many runs, over a real port: the matrix of 60 runs × 100 tasks, status, a page
 * of runs, a Gantt; on both stores.
 *
 *     npm run bench -- api [sqlite|postgres|both] [runs=1000] [tasks=100] [rounds=30]
 */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '../src/core/clock.ts';
import { systemTimers } from '../src/core/timers.ts';
import { createRuns } from '../src/orchestrator/runs/create-run.ts';
import { openStore } from '../src/orchestrator/store/open-store.ts';
import type { GraphTask, PipelineGraph } from '../src/pipeline/graph.ts';
import { listen } from '../src/server/listen.ts';
import { benchFolder } from './data.ts';
import { postgresEngine } from './engines.ts';
import { median, report, say } from './results.ts';

const [which = 'both', ...numbers] = process.argv.slice(2);
const [runs = 1000, tasks = 100, rounds = 30] = numbers.map(Number);
const work = mkdtempSync(join(benchFolder, 'api-'));
const DAY_MS = 86_400_000;

const graph: PipelineGraph = {
  pipeline: 'wide',
  doc: '',
  version: 'v1',
  semanticVersion: 's1',
  schedule: undefined,
  deadlineMs: undefined,
  maxActiveRuns: 16,
  tasks: Array.from(
    { length: tasks },
    (_, i): GraphTask => ({
      name: `load_table_${i}`,
      kind: 'function',
      group: undefined,
      after: i === 0 ? [] : [`load_table_${i - 1}`],
      trigger: 'all_succeeded',
      retries: { max: 3, delayMs: 300_000, factor: 1, maxDelayMs: 300_000, jitter: 0 },
      timeoutMs: undefined,
      pool: undefined,
      poolSlots: 1,
      queue: 'default',
      priority: 0,
      dependsOnPast: false,
      data: false,
      mapped: false,
      sensor: undefined,
      branch: false,
    }),
  ),
};

async function measure(engine: string, url: string): Promise<void> {
  const store = await openStore(url, { cwd: work });
  for (let at = 0; at < runs; at += 100) {
    const some = Array.from({ length: Math.min(100, runs - at) }, (_, i) => {
      const startMs = Date.UTC(2020, 0, 1) + (at + i) * DAY_MS;
      return {
        graph,
        kind: 'scheduled' as const,
        interval: { startMs, endMs: startMs + DAY_MS },
        request: { params: {} },
        priority: 10,
        dueAtMs: startMs + DAY_MS,
        requestedBy: 'schedule',
      };
    });
    await store.write((tx) => createRuns(tx, some));
  }
  const listening = await listen(
    {
      store,
      clock: systemClock,
      timers: systemTimers,
      random: (size) => randomBytes(size),
      logsDirectory: join(work, 'logs'),
      pipelines: () => ({ resolved: [], broken: [] }),
      refreshListings: async () => [],
      process: { version: '0', project: 'bench', pid: process.pid, startedAtMs: systemClock.nowMs() },
    },
    { port: 0, report: (error) => say(String(error)) },
  );
  for (const [what, path, goal] of [
    ['matrix of 60 runs', '/pipelines/wide/matrix?runs=60', '≤ 50'],
    ['status', '/status', '≤ 100'],
    ['page of 50 runs', '/runs', '≤ 50'],
    ['Gantt', `/runs/${runs}/gantt`, '≤ 50'],
  ] as const) {
    const times: number[] = [];
    let bytes = 0;
    for (let round = 0; round <= rounds; round++) {
      const beganMs = performance.now();
      const response = await fetch(`${listening.url}/api/v1${path}`);
      bytes = (await response.arrayBuffer()).byteLength;
      if (response.status !== 200) throw new Error(`${path} was answered with ${response.status}`);
      if (round > 0) times.push(performance.now() - beganMs);
    }
    report([
      {
        measure: `API on ${engine}: ${what}`,
        goal,
        value: median(times),
        unit: 'ms',
        detail: `${runs} runs × ${tasks} tasks in the store, ${rounds} rounds, ${(bytes / 1000).toFixed(1)} kB`,
      },
    ]);
  }
  await listening.close({ graceMs: 0 });
  await store.close();
}

try {
  if (which !== 'postgres') await measure('SQLite', 'sqlite:store.db');
  if (which !== 'sqlite') {
    const engine = await postgresEngine(work);
    try {
      const place = await engine.empty('store');
      await measure('PostgreSQL', place.url);
      await place.remove();
    } finally {
      await engine.close();
    }
  }
} finally {
  rmSync(work, { recursive: true, force: true });
}

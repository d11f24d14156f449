import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach } from 'vitest';
import { systemClock } from '../../../src/core/clock.ts';
import { openAttemptLogs } from '../../../src/orchestrator/logs/attempt-logs.ts';
import type { TaskError } from '../../../src/orchestrator/queue/queue.ts';
import { createTaskQueue } from '../../../src/orchestrator/queue/task-queue.ts';
import { createRun } from '../../../src/orchestrator/runs/create-run.ts';
import { createRunGraphs } from '../../../src/orchestrator/runs/run-graph.ts';
import { startRuns } from '../../../src/orchestrator/runs/start-runs.ts';
import { openStore } from '../../../src/orchestrator/store/open-store.ts';
import type { Store } from '../../../src/orchestrator/store/store.ts';
import type { PipelineGraph } from '../../../src/pipeline/graph.ts';
import type { Interval } from '../../../src/pipeline/interval.ts';
import { type CliResult, sparkify } from '../in-process.ts';

export const day: Interval = { startMs: Date.UTC(2018, 10, 1), endMs: Date.UTC(2018, 10, 2) };

/** A project's folder with a store in it, as a running scheduler would have left it. */
export interface TestProject {
  readonly directory: string;
  /** A command line in the project's folder. */
  cli(...args: readonly string[]): Promise<CliResult>;
  /** The same with `--json`, parsed. */
  json<T>(...args: readonly string[]): Promise<T>;
  /** Works on the store, as another process would. */
  inStore<T>(work: (store: Store) => Promise<T>): Promise<T>;
  /** A run that has begun. */
  run(graph: PipelineGraph, interval?: Interval): Promise<number>;
  /** Carries out what is ready, until nothing is; a task that `fails` names fails, and says why in its log. */
  work(fails?: Readonly<Record<string, string>>): Promise<void>;
}

/** A pipeline of two functions, of which the second fails or waits for its end when told so. */
export const steps = `
  import { call, chain, definePipeline, z } from 'sparkify';
  const steps = definePipeline({
    name: 'steps',
    params: z.object({ mode: z.string().default('work') }),
    define: ({ mode }) => ({ stagings: [], tables: [], tasks: chain(
      call('one', ({ log }) => { log('hello'); return 1; }),
      call('two', async ({ log, signal }) => {
        if (mode === 'fail') throw new Error('broken on purpose');
        if (mode !== 'wait') return;
        log('waiting');
        await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
      }),
    ) }),
  });
  export default { pipelines: [steps] };`;

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

export function testProject(config = 'export default {};'): TestProject {
  const directory = mkdtempSync(join(tmpdir(), 'sparkify-project-'));
  folders.push(directory);
  writeFileSync(join(directory, 'sparkify.config.mjs'), config);
  const graphs = createRunGraphs();
  const inStore: TestProject['inStore'] = async (work) => {
    mkdirSync(join(directory, '.sparkify'), { recursive: true });
    const store = await openStore(`sqlite:${join(directory, '.sparkify', 'store.db')}`);
    try {
      return await work(store);
    } finally {
      await store.close();
    }
  };
  const cli: TestProject['cli'] = (...args) => sparkify(args, { cwd: directory });
  return {
    directory,
    cli,
    inStore,
    json: async (...args) => {
      const { out, err } = await cli(...args, '--json');
      try {
        return JSON.parse(out);
      } catch {
        throw new Error(`no JSON: ${out}${err}`);
      }
    },
    run: (graph, interval = day) =>
      inStore((store) =>
        store.write(async (tx) => {
          const id = await createRun(tx, {
            graph,
            kind: 'manual',
            interval,
            request: { params: {} },
            priority: 0,
            dueAtMs: tx.nowMs,
            requestedBy: 'ann',
          });
          await startRuns(tx, graphs, [id]);
          return id;
        }),
      ),
    work: (fails = {}) =>
      inStore(async (store) => {
        const queue = createTaskQueue(store, { random: () => 0, graphs });
        const logs = openAttemptLogs({ directory: join(directory, '.sparkify', 'logs'), clock: systemClock });
        const request = { worker: 'w', queues: ['default'], limit: 100, warehouse: true, leaseMs: 60_000 };
        for (let claimed = await queue.claim(request); claimed.length > 0; claimed = await queue.claim(request)) {
          for (const { row, ...claim } of claimed) {
            const log = logs.open({ run: row.run_id, task: row.task, mapIndex: row.map_index, attempt: claim.attempt });
            log.info(`working on ${row.task}`);
            const message = fails[row.task];
            if (message !== undefined) log.error(message, { error: new Error(message) });
            await log.close();
            const error: TaskError = {
              code: 'SQL_FAILED',
              message: message ?? '',
              remedy: 'Mend it.',
              retryable: false,
            };
            await queue.complete([
              message === undefined
                ? { state: 'succeeded', claim, detail: `${row.task} done` }
                : { state: 'failed', claim, error },
            ]);
          }
        }
      }),
  };
}

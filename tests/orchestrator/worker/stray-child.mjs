// A process with a node whose tasks let errors stray; it writes what became of them, as JSON. Its argument is a folder.
import { writeSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { systemClock } from '../../../dist/src/core/clock.js';
import { systemTimers } from '../../../dist/src/core/timers.js';
import { openAttemptLogs } from '../../../dist/src/orchestrator/logs/attempt-logs.js';
import { startNode } from '../../../dist/src/orchestrator/node/node.js';
import { createRun } from '../../../dist/src/orchestrator/runs/create-run.js';
import { openStore } from '../../../dist/src/orchestrator/store/open-store.js';
import { definePipeline, resolvePipeline } from '../../../dist/src/pipeline/define.js';
import { call } from '../../../dist/src/pipeline/function-tasks.js';
import { graphOf } from '../../../dist/src/pipeline/graph-of.js';
import { together } from '../../../dist/src/pipeline/task.js';

const directory = process.argv[2];
/** Until the signal, as a function does that waits for something. */
const untilStopped = ({ signal }) =>
  new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
const tasks = together(
  call('rejects', (context) => {
    void Promise.reject(new Error('nobody waits for this'));
    return untilStopped(context);
  }),
  call('throws_later', (context) => {
    setTimeout(() => {
      throw new Error('in a callback');
    }, 1);
    return untilStopped(context);
  }),
  call('over_before', () => {
    setTimeout(() => void Promise.reject(new Error('after its end')), 30);
  }),
  call('well', () => new Promise((resolve) => setTimeout(resolve, 100))),
);
const pipeline = resolvePipeline(
  definePipeline({ name: 'stray', params: z.object({}), define: () => ({ stagings: [], tables: [], tasks }) }),
  {},
);
const notes = [];
let fatal;
const store = await openStore(`sqlite:${join(directory, 'store.db')}`);
const node = await startNode({
  role: 'up',
  store,
  pipelines: { resolved: [pipeline], broken: [] },
  worker: {
    openSource: () => Promise.reject(new Error('no source')),
    logs: openAttemptLogs({ directory: join(directory, 'logs'), clock: systemClock }),
  },
  clock: systemClock,
  timers: systemTimers,
  monotonicMs: () => performance.now(),
  random: Math.random,
  note: (detail) => notes.push(detail),
  onFatal: (error) => {
    fatal = error.message;
  },
});
const id = await store.write((tx) =>
  createRun(tx, {
    graph: graphOf(pipeline),
    kind: 'manual',
    interval: { startMs: 1, endMs: 2 },
    request: { params: {} },
    priority: 0,
    dueAtMs: tx.nowMs,
    requestedBy: 'test',
  }),
);
while ((await store.db.selectFrom('runs').select('state').where('id', '=', id).executeTakeFirst()).state !== 'failed')
  await new Promise((resolve) => setTimeout(resolve, 5));
const rows = await store.db.selectFrom('tasks').select(['task', 'state', 'error_json']).orderBy('id').execute();
// An error of nobody's: the node stops, and the process is told to end.
setTimeout(() => {
  throw new Error('of no task');
}, 1);
await node.done;
await store.close();
writeSync(
  1,
  JSON.stringify({
    tasks: rows.map((r) => [r.task, r.state, r.error_json === null ? null : JSON.parse(r.error_json).message]),
    notes,
    fatal,
  }),
);

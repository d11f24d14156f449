// A process with a node of the built package, for tests that kill it. Its argument is JSON; it says `ready`, and `done` when
// every run of its schedule, or of a backfill over the same days, has ended.
import { writeSync } from 'node:fs';
import { join } from 'node:path';
import sparkify from '../../dist/pipelines/sparkify/index.js';
import { systemClock } from '../../dist/src/core/clock.js';
import { systemTimers } from '../../dist/src/core/timers.js';
import { createBackfill } from '../../dist/src/orchestrator/backfill/create-backfill.js';
import { makePlan } from '../../dist/src/orchestrator/cells/make-plan.js';
import { openAttemptLogs } from '../../dist/src/orchestrator/logs/attempt-logs.js';
import { startNode } from '../../dist/src/orchestrator/node/node.js';
import { openStore } from '../../dist/src/orchestrator/store/open-store.js';
import { resolvePipeline } from '../../dist/src/pipeline/define.js';
import { every } from '../../dist/src/pipeline/schedule.js';
import { openSource } from '../../dist/src/sources/index.js';
import { openWarehouse } from '../../dist/src/warehouse/open.js';

const config = JSON.parse(process.argv[2]);
const { directory, fromMs, toMs } = config;
const resolved = resolvePipeline(sparkify, {
  logData: join(directory, 'log_data'),
  songData: join(directory, 'song_data'),
});
const retries = { max: 20, delayMs: 50, factor: 1, maxDelayMs: 50, jitter: 0 };
const pipeline = {
  ...resolved,
  schedule: every('1 day', { start: fromMs, end: toMs, missed: config.mode === 'backfill' ? 'none' : 'all' }),
  tasks: resolved.tasks.map((t) => ({ ...t, options: { ...t.options, retries } })),
};
const store = await openStore(config.store, { pollMs: 50 });
const node = await startNode({
  role: config.role,
  store,
  pipelines: { resolved: [pipeline], broken: [] },
  worker: {
    warehouse: {
      open: () => openWarehouse(config.warehouse, { cwd: directory, segmentsDirectory: config.segments, threads: 1 }),
    },
    openSource: (root) => openSource(root, { cwd: directory }),
    logs: openAttemptLogs({ directory: join(directory, 'logs'), clock: systemClock }),
    ingestThreads: 0,
    leaseMs: config.leaseMs,
    pollMs: 200,
  },
  clock: systemClock,
  timers: systemTimers,
  monotonicMs: () => performance.now(),
  random: Math.random,
  maxCrashes: 1_000_000,
  slots: 4,
  note: (detail) => say(`note ${detail}`),
  onFatal: (error) => {
    say(`fatal ${error?.stack ?? error}`);
    process.exit(3);
  },
});
if (config.mode === 'backfill' && config.role === 'up') await askForBackfill();
say('ready');

const end = store.onChange(look);
let looking = false;
look();

/** Once, whoever is first; days are put together by threes. */
async function askForBackfill() {
  if ((await store.db.selectFrom('backfills').select('id').executeTakeFirst()) !== undefined) return;
  const request = { fromMs, toMs, scope: 'open', newestFirst: true, coalesce: 3 };
  const plan = await makePlan(store.db, pipeline.name, request, systemClock.nowMs());
  await createBackfill(store, plan, { requestedBy: 'test', maxActive: 2 });
}

function say(line) {
  writeSync(1, `${line}\n`);
}

async function look() {
  if (looking) return;
  looking = true;
  try {
    const row = await store.db.selectFrom('pipelines').select('scheduled_to_ms').executeTakeFirst();
    const open = await store.db
      .selectFrom('runs')
      .select('id')
      .where('state', 'in', ['queued', 'running', 'cancelling'])
      .executeTakeFirst();
    const backfill = await store.db.selectFrom('backfills').select('state').executeTakeFirst();
    const asked = config.mode === 'backfill' ? ['succeeded', 'failed'].includes(backfill?.state) : true;
    if (row?.scheduled_to_ms === toMs && asked && open === undefined) {
      end();
      say('done');
      node.stop('now');
      await node.done;
      await store.close();
    }
  } catch (error) {
    say(`note ${error.message}`);
  } finally {
    looking = false;
  }
}

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { call, chain, cron, definePipeline, group, resolvePipeline, z } from 'sparkify';
import { afterEach, describe, expect, it } from 'vitest';
import { systemTimers } from '../../src/core/timers.ts';
import { openAttemptLogs } from '../../src/orchestrator/logs/attempt-logs.ts';
import { type RunningNode, startNode } from '../../src/orchestrator/node/node.ts';
import { findServer } from '../../src/server/client/find-server.ts';
import { removeUpFile, writeUpFile } from '../../src/server/client/up-file.ts';
import { openSource } from '../../src/sources/index.ts';
import { storeOpener } from '../orchestrator/stores.ts';
import { listenTo } from './listening.ts';
import { openWorld, type World } from './world.ts';

const DAY_MS = 86_400_000;

/** Plays of a city in two shards; the first attempt at `rank` finds nobody home. */
const plays = resolvePipeline(
  definePipeline({
    name: 'plays',
    schedule: cron('0 0 * * *', { start: '2026-01-01' }),
    defaults: { retries: { max: 3, delay: '5 minutes', factor: 1, jitter: 0 } },
    params: z.object({ city: z.string().default('Lansing') }),
    define: () => {
      const shards = ['a', 'b'].map((name) => call(`count_${name}`, ({ log }) => void log(`counting ${name}`)));
      const rank = call('rank', ({ attempt, params, log }) => {
        if (attempt === 1) throw new Error('nobody home');
        log(`ranked ${params.city}`);
        return { city: params.city };
      });
      const tell = call('tell', async ({ value, log }) => {
        const ranked = await value(rank);
        log(`told of ${String(ranked?.city)}`);
      });
      return { stagings: [], tables: [], tasks: chain(group('count', shards), rank, tell) };
    },
  }),
  {},
);

const loaded = { resolved: [plays], broken: [] };

describe('up', () => {
  const open = storeOpener('sqlite');
  const ends: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const end of ends.splice(0).reverse()) await end();
  });

  /** Scheduler, worker and API in this process, on virtual time, found by the file that `up` leaves. */
  async function up(world: World): Promise<string> {
    const directory = mkdtempSync(join(tmpdir(), 'sparkify-project-'));
    ends.push(async () => rmSync(directory, { recursive: true, force: true }));
    const { store, time, parts } = world;
    const notes: string[] = [];
    const logs = openAttemptLogs({ directory: parts.logsDirectory, clock: time, later: (work) => setImmediate(work) });
    const node: RunningNode = await startNode({
      role: 'up',
      store,
      pipelines: loaded,
      worker: { logs, openSource: (root) => openSource(root, { cwd: directory }) },
      clock: time,
      timers: time,
      monotonicMs: () => time.nowMs(),
      random: () => 0,
      note: (detail) => notes.push(detail),
      onFatal: (error) => notes.push(String(error)),
    });
    ends.push(async () => {
      node.stop('now');
      await node.done;
      expect(notes).toEqual([]);
    });
    const token = 'the-token-of-this-up';
    const { url } = await listenTo(world, { localToken: token });
    await writeUpFile(directory, { pid: process.pid, url, startedAtMs: time.nowMs(), token, store: 'sqlite:x' });
    ends.push(() => removeUpFile(directory, { token }));
    return directory;
  }

  it('carries a triggered run to its end, followed from outside: started, tried again, done, with its logs', async () => {
    const world = await openWorld(open, { pipelines: loaded });
    const found = await findServer(await up(world), systemTimers);
    const { api } = found!;
    const health = await api.call('getHealth');
    expect(health).toMatchObject({ scheduler: { alive: true }, store: { reachable: true }, login: false });

    const before = (await api.call('listEvents', { query: { limit: 1000 } })).next;
    const run = await api.call(
      'triggerRun',
      { body: { pipeline: 'plays', interval: '2025-12-31', params: { city: 'Paris' } } },
      { idempotencyKey: 'once' },
    );
    const ending = new AbortController();
    const seen: string[] = [];
    for await (const event of api.stream(
      'followEvents',
      { query: { after: before, run: run.id } },
      { signal: ending.signal },
    )) {
      seen.push('task' in event ? `${event.type} ${event.task}` : event.type);
      if (event.type === 'task.retrying') {
        const why = (await api.call('getTask', { params: { run: run.id, task: 'rank' } })).why;
        expect(why).toMatch(/^retry 1 of 3 at 2026-01-01T00:05Z after FUNCTION_FAILED/);
        world.time.advance(300_000);
      }
      if (event.type === 'run.succeeded' || event.type === 'run.failed') ending.abort();
    }
    expect(seen.slice(0, 2)).toEqual(['run.created', 'run.started']);
    expect(seen.slice(2, 6).sort()).toEqual([
      'task.started count_a',
      'task.started count_b',
      'task.succeeded count_a',
      'task.succeeded count_b',
    ]);
    expect(seen.slice(6)).toEqual([
      'task.started rank',
      'task.retrying rank',
      'task.started rank',
      'task.succeeded rank',
      'task.started tell',
      'task.succeeded tell',
      'run.succeeded',
    ]);

    expect(await api.call('getRun', { params: { run: run.id } })).toMatchObject({
      state: 'succeeded',
      unfinished: 0,
      failures: 0,
      requestedBy: 'local',
    });
    const lines: string[] = [];
    const { signal } = new AbortController();
    for await (const item of api.stream('followLogs', { params: { run: run.id }, query: {} }, { signal }))
      if (item.kind === 'line') lines.push(`${item.task} ${item.attempt}: ${item.msg}`);
    expect(lines).toContain('rank 2: ranked Paris');
    expect(lines).toContain('tell 1: told of Paris');
    expect((await api.call('getTask', { params: { run: run.id, task: 'rank' } })).output).toEqual({ city: 'Paris' });
    const attempts = await api.call('listAttempts', { params: { run: run.id, task: 'rank' } });
    expect(attempts.items.map((a) => a.state)).toEqual(['failed', 'succeeded']);
    const matrix = await api.call('getMatrix', { params: { pipeline: 'plays' } });
    expect([matrix.cells, matrix.retried]).toEqual([['ssss'], [[0, 2, 2]]]);
    expect(await api.call('getStatus')).toMatchObject({
      level: 'ok',
      sentence: 'All is well. Next is plays at 2026-01-02.',
    });
  });

  it('makes the run of a day when it is over, and whoever follows sees it', async () => {
    const world = await openWorld(open, { pipelines: loaded });
    const { api } = (await findServer(await up(world), systemTimers))!;
    const ending = new AbortController();
    const seen: string[] = [];
    for await (const event of api.stream('followEvents', { query: { after: 0 } }, { signal: ending.signal })) {
      if (event.type === 'pipeline.changed') world.time.advance(DAY_MS);
      if (event.type === 'task.retrying') world.time.advance(300_000);
      if (event.type.startsWith('run.')) seen.push(event.type);
      if (event.type === 'run.succeeded') ending.abort();
    }
    expect(seen).toEqual(['run.created', 'run.started', 'run.succeeded']);
    expect((await api.call('listRuns')).items).toMatchObject([
      { kind: 'scheduled', interval: '2026-01-01/2026-01-02', state: 'succeeded', dueAtMs: Date.UTC(2026, 0, 2) },
    ]);
  });
});

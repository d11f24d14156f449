import { join } from 'node:path';
import { call, chain, every } from 'sparkify';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { openAttemptLogs } from '../../../src/orchestrator/logs/attempt-logs.ts';
import { type NodeOptions, type RunningNode, startNode } from '../../../src/orchestrator/node/node.ts';
import { createRun } from '../../../src/orchestrator/runs/create-run.ts';
import type { ResolvedPipeline } from '../../../src/pipeline/define.ts';
import { graphOf } from '../../../src/pipeline/graph-of.ts';
import { folderSegments } from '../../../src/segments/folder.ts';
import { useQuickDirectory } from '../../property/quick-directory.ts';
import { HOUR_MS, NodeWorld, pipelineOf, startMs } from './node-world.ts';

const hourly = every('1 hour', { start: startMs });

describe('a node', () => {
  let world: NodeWorld;
  const nodes: RunningNode[] = [];
  const notes: string[] = [];

  beforeAll(useQuickDirectory);
  beforeEach(async () => {
    notes.length = 0;
    world = await new NodeWorld().open();
  });
  afterEach(async () => {
    for (const node of nodes) node.stop('now');
    await Promise.all(nodes.splice(0).map((n) => n.done));
    await world.close();
  });

  async function start(resolved: readonly ResolvedPipeline[], change: Partial<NodeOptions> = {}): Promise<RunningNode> {
    const node = await startNode({
      role: 'up',
      store: world.store,
      pipelines: { resolved, broken: [] },
      worker: {
        openSource: () => Promise.reject(new Error('no source')),
        logs: openAttemptLogs({ directory: join(world.directory, 'logs'), clock: world.time, later: () => {} }),
      },
      clock: world.time,
      timers: world.time,
      monotonicMs: () => world.time.nowMs(),
      random: () => 0,
      note: (detail) => notes.push(detail),
      onFatal: () => {},
      ...change,
    });
    nodes.push(node);
    return node;
  }

  async function until(look: () => Promise<boolean>): Promise<void> {
    while (!(await look())) await new Promise((resolve) => setTimeout(resolve, 1));
  }
  const noneActive = async (): Promise<boolean> =>
    (await world.store.db
      .selectFrom('runs')
      .select('id')
      .where('state', 'in', ['queued', 'running', 'cancelling'])
      .executeTakeFirst()) === undefined;
  const ended = (count: number) => async () =>
    (await world.runs()).filter((r) => r.state === 'succeeded').length === count;

  test('runs its schedule by itself, each interval when it has ended', async () => {
    const seen: number[] = [];
    const pipeline = pipelineOf(
      'work',
      { schedule: hourly },
      call('a', ({ interval }) => void seen.push(interval.startMs)),
    );
    await start([pipeline]);
    for (const hour of [1, 2, 3]) {
      world.time.advance(HOUR_MS);
      await until(ended(hour));
    }
    expect(seen).toEqual([0, 1, 2].map((h) => startMs + h * HOUR_MS));
    const [run] = await world.runs();
    expect(run).toMatchObject({ due_at_ms: run!.started_at_ms, requested_by: 'schedule' });
    expect(notes).toEqual([]);
  });

  test('a second `up` on an embedded store is refused by name; when the first has stopped it may begin', async () => {
    const first = await start([]);
    await expect(start([])).rejects.toMatchObject({ code: 'NODE_RUNNING' });
    first.stop();
    await first.done;
    await start([]);
  });

  test('an embedded warehouse belongs to one node; another one says who has it', async () => {
    const first = await start([], { embeddedWarehouse: true });
    await start([], { role: 'worker', embeddedWarehouse: true });
    expect(notes).toEqual([expect.stringContaining(`tasks on its data are left to process ${process.pid} on `)]);
    first.stop();
    await first.done;
    await start([], { role: 'worker', embeddedWarehouse: true });
    expect(notes).toHaveLength(1);
  });

  test('nodes that do not see the same folder of segments are refused', async () => {
    const [one, another] = await Promise.all(
      ['one', 'one', 'another'].map((name) => folderSegments(join(world.directory, name)).check()),
    ).then(([first, again, other]) => {
      expect(again).toBe(first);
      return [first, other];
    });
    await start([], { segmentsId: one! });
    await start([], { role: 'worker', segmentsId: one! });
    await expect(start([], { role: 'worker', segmentsId: another! })).rejects.toMatchObject({
      code: 'SEGMENTS_APART',
      message: expect.stringContaining(`process ${process.pid} on `),
    });
  });

  test('a command carries out its run and no other', async () => {
    const pipeline = pipelineOf('work');
    const [other, own] = await world.store.write(async (tx) => {
      const make = () =>
        createRun(tx, {
          graph: graphOf(pipeline),
          kind: 'manual',
          interval: { startMs, endMs: startMs + HOUR_MS },
          request: { params: {} },
          priority: 0,
          dueAtMs: tx.nowMs,
          requestedBy: 'anna',
        });
      return [await make(), await make()];
    });
    const node = await start([pipeline], { role: 'command', onlyRun: own! });
    await until(ended(1));
    node.stop();
    await node.done;
    expect((await world.runs()).map((r) => [r.id, r.state])).toEqual([
      [other, 'queued'],
      [own, 'succeeded'],
    ]);
  });

  test('what changed in the project counts from then on', async () => {
    const node = await start([pipelineOf('work', { schedule: hourly })]);
    const seen: string[] = [];
    const changed = pipelineOf(
      'work',
      { schedule: hourly },
      call('new', () => void seen.push('new')),
    );
    await node.replacePipelines({ resolved: [changed], broken: [] });
    world.time.advance(HOUR_MS);
    await until(ended(1));
    expect(seen).toEqual(['new']);
  });

  const hours = process.env.SPARKIFY_FAULTS === 'all' ? 1 : 24;

  test(`three years of a schedule every ${hours} h pass in seconds, every interval once`, {
    timeout: 300_000,
  }, async () => {
    const count = (3 * 365 * 24) / hours;
    const lengthMs = hours * HOUR_MS;
    let calls = 0;
    const pipeline = pipelineOf(
      'work',
      { schedule: every(lengthMs, { start: startMs }), maxActiveRuns: 1000 },
      chain(
        call('a', () => void calls++),
        call('b', () => void calls++),
      ),
    );
    await start([pipeline], { slots: 100 });
    for (let passed = 0; passed < count; ) {
      const step = Math.min(200, count - passed);
      world.time.advance(step * lengthMs);
      passed += step;
      await until(async () => calls === 2 * passed && (await noneActive()));
    }
    const rows = await world.store.db.selectFrom('cells').select('start_ms').where('task', '=', 'b').execute();
    expect(new Set(rows.map((r) => r.start_ms)).size).toBe(count);
    expect(rows).toHaveLength(count);
  });
});

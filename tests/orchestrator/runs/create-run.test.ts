import { describe, expect, test } from 'vitest';
import { createRuns } from '../../../src/orchestrator/runs/create-run.ts';
import { selectTasks } from '../../../src/orchestrator/runs/selection.ts';
import { startRuns } from '../../../src/orchestrator/runs/start-runs.ts';
import { graphFrom, graphOfTasks, graphTask } from '../graphs.ts';
import { DAY_MS, openRunWorld } from '../run-world.ts';
import { eachStore } from '../stores.ts';

const star = graphOfTasks([
  graphTask('begin'),
  graphTask('stage_events', { after: ['begin'], group: 'staging' }),
  graphTask('stage_songs', { after: ['begin'], group: 'staging.songs' }),
  graphTask('load', { after: ['stage_events', 'stage_songs'] }),
  graphTask('publish', { kind: 'publish', after: ['load'] }),
  graphTask('tell', { after: ['publish', 'load'] }),
]);
const chosen = (request: Parameters<typeof selectTasks>[1]) =>
  selectTasks(star, request).map(({ task, blockers }) => `${task.name} ${blockers}`);

describe('the tasks of a run', () => {
  test('are all of the graph, with the number of those before each', () => {
    expect(chosen({})).toEqual(['begin 0', 'stage_events 1', 'stage_songs 1', 'load 2', 'publish 1', 'tell 2']);
  });

  test('or those named, by task or group, with all before them, and never a publish', () => {
    expect(chosen({ only: ['stage_songs'] })).toEqual(['begin 0', 'stage_songs 1']);
    expect(chosen({ only: ['staging'] })).toEqual(['begin 0', 'stage_events 1', 'stage_songs 1']);
    expect(chosen({ only: ['tell'] })).toEqual(['begin 0', 'stage_events 1', 'stage_songs 1', 'load 2', 'tell 1']);
    // What follows a publish has nothing to follow in a dry run.
    expect(chosen({ dryRun: true })).toEqual(['begin 0', 'stage_events 1', 'stage_songs 1', 'load 2']);
    expect(chosen({ tasks: ['load', 'publish'] })).toEqual(['load 0', 'publish 1']);
    expect(() => selectTasks(star, { only: ['lod'] })).toThrow('Pipeline sparkify has no task "lod".');
  });
});

eachStore((_engine, open) => {
  test('a run waits with its tasks until it is started, and keeps the version it began with', async () => {
    const world = await openRunWorld(open);
    const graph = { ...star, deadlineMs: 3_600_000 };
    const id = await world.create(graph, { dueAtMs: world.clock.nowMs() - 1000, requestedBy: 'ada', day: 3 });
    expect(await world.run(id)).toMatchObject({
      pipeline: 'sparkify',
      version: graph.version,
      state: 'queued',
      start_ms: 3 * DAY_MS,
      end_ms: 4 * DAY_MS,
      deadline_ms: world.clock.nowMs() - 1000 + 3_600_000,
      unfinished: 6,
      requested_by: 'ada',
    });
    expect(new Set(Object.values(await world.states(id)))).toEqual(new Set(['waiting']));
    expect(await world.claim()).toEqual([]);
    const versions = await world.store.db.selectFrom('pipeline_versions').selectAll().execute();
    expect(JSON.parse(versions[0]!.graph_json)).toEqual(JSON.parse(JSON.stringify(graph)));
    await world.write((tx) => startRuns(tx, world.graphs, [id]));
    expect(await world.run(id)).toMatchObject({ state: 'running', started_at_ms: world.clock.nowMs() });
    expect((await world.task(id, 'begin')).state).toBe('ready');
    await world.write((tx) => startRuns(tx, world.graphs, [id]));
    expect((await world.events()).filter((e) => e === 'run.started')).toHaveLength(1);
  });

  test('a scheduled interval has one run, however often and by whomever it is asked for', async () => {
    const world = await openRunWorld(open);
    const other = await world.anotherStore();
    const wanted = [0, 1, 0].map((day) => ({
      graph: star,
      kind: 'scheduled' as const,
      interval: { startMs: day * DAY_MS, endMs: (day + 1) * DAY_MS },
      request: { params: {} },
      priority: 10,
      dueAtMs: 0,
      requestedBy: 'schedule',
    }));
    const [ours, theirs] = await Promise.all([
      world.store.write((tx) => createRuns(tx, wanted)),
      other.write((tx) => createRuns(tx, wanted)),
    ]);
    expect(ours).toEqual(theirs);
    expect(ours[0]).toBe(ours[2]);
    expect(ours[0]).not.toBe(ours[1]);
    expect(await world.store.db.selectFrom('tasks').selectAll().execute()).toHaveLength(12);
    expect((await world.events()).filter((e) => e === 'run.created')).toHaveLength(2);
    // By hand the interval may be run as often as one likes.
    expect(await world.create(star)).not.toBe(await world.create(star));
  });

  test('many runs are made in their order, each with its own tasks', async () => {
    const world = await openRunWorld(open);
    const other = graphFrom('single', { pipeline: 'other' });
    const ids = await world.write((tx) =>
      createRuns(
        tx,
        Array.from({ length: 30 }, (_, i) => ({
          graph: i % 3 === 0 ? other : star,
          kind: 'backfill' as const,
          interval: { startMs: i * DAY_MS, endMs: (i + 1) * DAY_MS },
          request: { params: {}, ...(i % 3 === 1 ? { only: ['load'] } : {}) },
          priority: 20,
          dueAtMs: 0,
          requestedBy: 'me',
        })),
      ),
    );
    const runs = await world.store.db
      .selectFrom('runs')
      .select(['id', 'start_ms', 'unfinished'])
      .orderBy('id')
      .execute();
    expect(runs.map((r) => r.id)).toEqual(ids);
    expect(runs.map((r) => r.start_ms / DAY_MS)).toEqual(ids.map((_, i) => i));
    expect(runs.slice(0, 3).map((r) => r.unfinished)).toEqual([1, 4, 6]);
    expect(Object.keys(await world.states(ids[1]!))).toEqual(['begin', 'stage_events', 'stage_songs', 'load']);
  });

  test('a pool that there is not, or is too small, is named before anything is made', async () => {
    const world = await openRunWorld(open);
    const graph = graphOfTasks([graphTask('load', { pool: 'warehouse', poolSlots: 2 })]);
    await expect(world.create(graph)).rejects.toMatchObject({
      code: 'POOL_UNKNOWN',
      message: 'Task load of pipeline sparkify wants slots of the pool "warehouse", which there is not.',
    });
    await world.pool('warehouse', 1);
    await expect(world.create(graph)).rejects.toMatchObject({ code: 'POOL_TOO_SMALL' });
    expect(await world.store.db.selectFrom('runs').selectAll().execute()).toEqual([]);
    await world.write((tx) => tx.run('update pools set slots = 2'));
    await world.create(graph);
  });
});

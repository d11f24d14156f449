import { describe, expect, test } from 'vitest';
import { saveCoverage } from '../../../src/orchestrator/cells/coverage.ts';
import { makePlan } from '../../../src/orchestrator/cells/make-plan.ts';
import { listingSentence } from '../../../src/orchestrator/cells/plan-notes.ts';
import { createRun } from '../../../src/orchestrator/runs/create-run.ts';
import { sqlWords } from '../../../src/orchestrator/runs/sql-words.ts';
import type { Store } from '../../../src/orchestrator/store/store.ts';
import type { PipelineGraph } from '../../../src/pipeline/graph.ts';
import { ALL_TIME, formatInterval, type Interval } from '../../../src/pipeline/interval.ts';
import { cron } from '../../../src/pipeline/schedule.ts';
import { eachStore } from '../stores.ts';
import { covered, DAY_MS, dataGraph, days, firstMs, nowMs } from './facts.ts';

async function register(store: Store, graph: PipelineGraph, ...coverage: readonly Interval[]): Promise<void> {
  await store.write(async (tx) => {
    await tx.run(
      `insert into pipelines (name, version, semantic_version, state, paused, updated_at_ms) values ($1, $2, $3, 'active', 0, 0)`,
      [graph.pipeline, graph.version, graph.semanticVersion],
    );
    await tx.run(
      'insert into pipeline_versions (pipeline, version, semantic_version, graph_json, created_at_ms) values ($1, $2, $3, $4, 0)',
      [graph.pipeline, graph.version, graph.semanticVersion, JSON.stringify(graph)],
    );
    await saveCoverage(tx, graph.pipeline, covered(...coverage));
  });
}

eachStore((engine, open) => {
  describe('a plan from the store', () => {
    test('is of pipelines that there are', async () => {
      const { store } = await open();
      await register(store, dataGraph());
      await store.write((tx) =>
        tx.run(
          `insert into pipelines (name, version, semantic_version, state, error_json, paused, updated_at_ms)
           values ('never', '', '', 'broken', '{"message":"no such module"}', 0, 0)`,
        ),
      );
      await expect(makePlan(store.db, 'nope', {}, nowMs)).rejects.toMatchObject({
        code: 'PIPELINE_UNKNOWN',
        params: { known: ['never', 'sparkify'] },
      });
      await expect(makePlan(store.db, 'never', {}, nowMs)).rejects.toMatchObject({
        code: 'PIPELINE_BROKEN',
        message: expect.stringContaining('no such module'),
      });
    });

    test('of a schedule without a start begins with what is known', async () => {
      const { store } = await open();
      const graph = dataGraph({ schedule: cron('0 0 * * *') });
      await register(store, graph, days(20, 22));
      const first = async (): Promise<string> =>
        formatInterval((await makePlan(store.db, graph.pipeline, {}, nowMs)).cells[0]!);
      expect(await first()).toBe(formatInterval(days(20)));
      await store.write((tx) =>
        tx.run(
          `insert into pending_lots (pipeline, staging, root, change, start_ms, end_ms, listed_at_ms, versioned, objects_json)
           values ('sparkify', 's', '', 'new', $1, $2, 0, 0, $3)`,
          [days(10).startMs, days(10).endMs, '[["u", null, 1, null, "n"]]'],
        ),
      );
      expect(await first()).toBe(formatInterval(days(10)));
      await store.write((tx) =>
        tx.run(
          `insert into cells (pipeline, task, start_ms, end_ms, state, run_id, semantic_version, at_ms)
           values ('sparkify', 'stage', $1, $2, 'failed', 1, 's1', 0), ('sparkify', 'stage', $3, $4, 'failed', 1, 's1', 0)`,
          [days(5).startMs, days(5).endMs, ALL_TIME.startMs, ALL_TIME.endMs],
        ),
      );
      expect(await first()).toBe(formatInterval(days(5)));
    });

    test('counts runs that change something as under way, and no others', async () => {
      const { store } = await open();
      const graph = dataGraph();
      await register(store, graph);
      const make = (day: number, request: object): Promise<number> =>
        store.write((tx) =>
          createRun(tx, {
            graph,
            kind: 'manual',
            interval: days(day),
            request: { params: {}, ...request },
            priority: 0,
            dueAtMs: 0,
            requestedBy: 'me',
          }),
        );
      await make(0, { dryRun: true });
      await make(1, { only: ['stage'] });
      await make(2, {});
      await make(3, { tasks: ['end'] });
      const plan = await makePlan(store.db, graph.pipeline, { fromMs: days(0).startMs, toMs: days(4).startMs }, nowMs);
      expect(plan.cells.map((c) => c.head.state)).toEqual(['missing', 'missing', 'running', 'running']);
      expect(plan.cells[3]!.cells.filter((c) => c.state === 'running').map((c) => c.task)).toEqual(['end']);
    });
  });

  if (engine === 'sqlite')
    test('three years of days of 10 tasks are planned at once', async () => {
      const { store } = await open();
      const graph = dataGraph();
      const three = { startMs: firstMs, endMs: firstMs + 1095 * DAY_MS };
      await register(store, graph, { startMs: firstMs, endMs: firstMs + 1000 * DAY_MS });
      const words = sqlWords(store.capabilities);
      const rows = Array.from({ length: 1095 }, (_, n) => ({
        start_ms: firstMs + n * DAY_MS,
        end_ms: firstMs + (n + 1) * DAY_MS,
      }));
      await store.write(async (tx) => {
        for (const task of ['a', 'b', 'c', ...graph.tasks.map((t) => t.name)])
          await tx.run(
            `insert into cells (pipeline, task, start_ms, end_ms, state, run_id, semantic_version, at_ms)
             select 'sparkify', $1, v.start_ms, v.end_ms, 'succeeded', 1, 's1', 0
             from ${words.rows('$2', { start_ms: 'bigint', end_ms: 'bigint' })}`,
            [task, JSON.stringify(rows)],
          );
      });
      const plan = await makePlan(store.db, graph.pipeline, {}, three.endMs);
      expect(plan.counts).toMatchObject({ done: 1000, missing: 95 });
    });
});

test('how old a listing is', () => {
  const listing = {
    staging: 's',
    wholeAtMs: nowMs - 3 * 3_600_000,
    lookedAtMs: nowMs,
    within: undefined,
    objects: 1,
    error: undefined,
  };
  expect(listingSentence(listing, nowMs)).toBe('s: listed 3 hours ago');
  expect(listingSentence({ ...listing, lookedAtMs: nowMs - 120_000, within: days(0, 3) }, nowMs)).toBe(
    's: listed 3 hours ago; 2018-11-01/2018-11-04 looked at 2 minutes ago',
  );
  expect(listingSentence({ ...listing, wholeAtMs: undefined, within: days(0) }, nowMs)).toBe(
    's: never listed whole; 2018-11-01/2018-11-02 looked at just now',
  );
});

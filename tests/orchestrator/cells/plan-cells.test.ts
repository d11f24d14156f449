import { describe, expect, test } from 'vitest';
import type { Plan, PlanFacts, PlanRequest } from '../../../src/orchestrator/cells/plan.ts';
import { planCells } from '../../../src/orchestrator/cells/plan-cells.ts';
import { formatInterval } from '../../../src/pipeline/interval.ts';
import { graphFrom, graphOfTasks, graphTask } from '../graphs.ts';
import { covered, DAY_MS, dataGraph, days, facts, firstMs, grid, mixedGraph, outcome, pendingObject } from './facts.ts';

const plan = (known: Parameters<typeof facts>[0], request: PlanRequest = {}, count = 10): Plan =>
  planCells({ intervals: grid(count), notOver: undefined }, facts(known), request);
/** Days of each run, counted from 1 November. */
const runs = ({ runs: all }: Plan): readonly string[] =>
  all.map(({ startMs, endMs }) => `${(startMs - firstMs) / DAY_MS}-${(endMs - firstMs) / DAY_MS}`);
const graph = dataGraph();

describe('scope', () => {
  /** done, missing, failed, stale, failed repair, running, promised, missing */
  const known: Parameters<typeof facts>[0] = {
    graph,
    coverage: covered(days(0), days(3, 5)),
    pending: [pendingObject({ period: days(3, 5), listedAtMs: 0 })],
    outcomes: [outcome('quality', 'failed', days(2)), outcome('quality', 'failed', days(4))],
    active: [{ id: 5, state: 'running', tasks: undefined, ...days(5) }],
    promised: [{ backfillId: 3, ...days(6) }],
  };
  test.each([
    ['open', ['1-5', '7-8']],
    ['missing', ['1-2', '7-8']],
    ['failed', ['2-3', '4-5']],
    ['stale', ['3-5']],
    ['all', ['0-5', '7-8']],
  ] as const)('%s', (scope, expected) => {
    expect(runs(plan(known, { scope, coalesce: 31 }, 8))).toEqual(expected);
  });

  test('what is under way or promised is in none, and told', () => {
    const made = plan(known, {}, 8);
    expect(made.counts).toEqual({ done: 1, missing: 3, failed: 2, stale: 1, running: 1 });
    expect(made.cells.map((c) => c.chosen)).toEqual([false, true, true, true, true, false, false, true]);
    expect(made.notes).toEqual([
      '1 interval is under way already and not in the plan.',
      '1 interval is planned by backfill 3 already and not in the plan.',
      expect.stringContaining('never listed whole'),
    ]);
  });
});

describe('runs', () => {
  test('are of 31 neighbours at most, oldest first or newest first', () => {
    expect(runs(plan({ graph }, {}, 40))).toEqual(['0-31', '31-40']);
    expect(runs(plan({ graph }, { newestFirst: true }, 40))).toEqual(['9-40', '0-9']);
    expect(runs(plan({ graph, coverage: covered(days(3)) }, { coalesce: 4 }))).toEqual(['0-3', '4-8', '8-10']);
    expect(plan({ graph }, {}, 3).runs[0]!.cells.map(formatInterval)).toEqual([
      '2018-11-01/2018-11-02',
      '2018-11-02/2018-11-03',
      '2018-11-03/2018-11-04',
    ]);
  });

  test('are one for each cell where functions have something to do', () => {
    expect(runs(plan({ graph: mixedGraph() }, {}, 3))).toEqual(['0-1', '1-2', '2-3']);
    expect(runs(plan({ graph: graphFrom('a, b after a') }, { newestFirst: true }, 2))).toEqual(['1-2', '0-1']);
    expect(runs(plan({ graph: mixedGraph() }, { coalesce: 2 }, 3))).toEqual(['0-2', '2-3']);
  });

  test('are none when all is done', () => {
    const made = plan({ graph, coverage: covered(days(0, 10)) });
    expect(made).toMatchObject({ runs: [], reads: { objects: 0 }, counts: { done: 10 } });
  });

  test('say what they read: objects with the first run that touches them', () => {
    const pending = [
      pendingObject({ period: days(1), name: 'b', sizeBytes: 10 }),
      pendingObject({ period: days(7, 9), name: 'c', sizeBytes: 20 }),
      pendingObject({ period: undefined, name: 'song', sizeBytes: 40 }),
      pendingObject({ period: days(20), name: 'beyond' }),
      pendingObject({ period: days(1), change: 'gone', name: 'gone' }),
    ];
    const made = plan({ graph, pending }, { coalesce: 4, newestFirst: true });
    expect(made.runs.map((r) => r.objects)).toEqual([2, 0, 1]);
    expect(made.reads).toMatchObject({ objects: 3, sizeBytes: 70 });
    expect(made.reads.first.map((o) => o.name)).toEqual(['b', 'c', 'song']);
    expect(made.notes[0]).toBe(
      '1 published object is gone from the source (gone); its rows stay until sparkify run sparkify --prune.',
    );
  });

  test('are blocked when the definition changed', () => {
    const coverage = { ...covered(days(0)), definition: 's0' };
    expect(plan({ graph, coverage }).blocked).toMatchObject({ code: 'REBUILD_FIRST' });
    expect(plan({ graph, coverage: covered(days(0)) }).blocked).toBeUndefined();
    // Functions alone publish nothing.
    const functions = { graph: mixedGraph(), coverage, outcomes: [outcome('publish', 'succeeded', days(0))] };
    expect(plan(functions, { tasks: ['fetch'] }, 1).blocked).toMatchObject({ code: 'REBUILD_FIRST' });
    expect(plan({ graph: graphFrom('a'), coverage }).blocked).toBeUndefined();
  });

  test('newest first are refused where a task wants its past', () => {
    const past = graphOfTasks([graphTask('a', { dependsOnPast: true }), graphTask('b')]);
    expect(() => plan({ graph: past }, { newestFirst: true })).toThrow(
      expect.objectContaining({ code: 'PLAN_ORDER_INVALID' }),
    );
    expect(runs(plan({ graph: past }, { newestFirst: true, tasks: ['b'] }, 2))).toEqual(['1-2', '0-1']);
  });
});

describe('objects of no period', () => {
  const song = pendingObject({ period: undefined, name: 'song_data/new.json' });
  const stale = { graph, coverage: covered(days(0, 9)), pending: [song] };

  test('make all that is published stale, and one run brings it up', () => {
    const made = plan(stale, { scope: 'stale' });
    expect(made.counts).toMatchObject({ stale: 9, missing: 1 });
    expect(runs(made)).toEqual(['8-9']);
    expect(made.notes[0]).toBe(
      '8 intervals are brought up by the same runs: every run reads the objects that they lack.',
    );
  });

  test('need no run of their own when there is another one', () => {
    expect(runs(plan(stale))).toEqual(['9-10']);
    const dated = { ...stale, pending: [song, pendingObject({ period: days(2), change: 'changed' })] };
    expect(runs(plan(dated, { scope: 'stale' }))).toEqual(['2-3']);
  });

  test('are read for every interval when functions work on what is published, or all was asked for', () => {
    expect(runs(plan(stale, { scope: 'all' }, 9))).toEqual(['0-9']);
    const outcomes = ['fetch', 'export'].map((t) => outcome(t, 'succeeded', days(0, 9)));
    expect(runs(plan({ ...stale, graph: mixedGraph(), outcomes }, { scope: 'stale' }, 9))).toHaveLength(9);
  });
});

describe('a selection of tasks', () => {
  const mixed = mixedGraph();
  const done: Partial<PlanFacts> = {
    coverage: covered(days(0, 10)),
    outcomes: [outcome('fetch', 'succeeded', days(0, 10)), outcome('export', 'failed', days(4), { reason: 'full' })],
  };

  test('is them and what comes after them; their cells decide', () => {
    const made = plan({ graph: mixed, ...done }, { tasks: ['export'], scope: 'failed' });
    expect(made).toMatchObject({ asked: ['export'], tasks: ['export'] });
    expect(runs(made)).toEqual(['4-5']);
    expect(plan({ graph: mixed, ...done }, { tasks: ['end'], scope: 'all' })).toMatchObject({ tasks: ['end'] });
  });

  test('takes along what is before it and not done', () => {
    const outcomes = [outcome('fetch', 'succeeded', days(0, 10))];
    const made = plan({ graph: mixed, coverage: covered(days(0, 9)), outcomes }, { tasks: ['export'] });
    expect(made.tasks).toEqual(['begin', 'wait', 'stage', 'load', 'quality', 'publish', 'export']);
  });

  test('on the data has all tasks on the data, which publish together', () => {
    const made = plan({ graph: mixed, ...done }, { tasks: ['quality'], scope: 'all' }, 1);
    expect(made.tasks).toEqual(['stage', 'load', 'quality', 'publish', 'end', 'export']);
    expect(plan({ graph: mixed }, { tasks: ['stage'] }, 1).tasks).toBeUndefined();
  });

  test('may coalesce where the whole pipeline may not', () => {
    const made = plan({ graph: mixed, coverage: covered(days(0)) }, { tasks: ['publish'], scope: 'all' }, 2);
    expect(made.tasks).toBeUndefined();
    const part = graphOfTasks([...graph.tasks, graphTask('mail')]);
    expect(runs(plan({ graph: part }, { tasks: ['publish'] }, 3))).toEqual(['0-3']);
  });

  test('of no such task is refused', () => {
    expect(() => plan({ graph }, { tasks: ['nope'] })).toThrow(
      expect.objectContaining({ code: 'TASK_UNKNOWN', remedy: expect.stringContaining('begin, wait') }),
    );
  });
});

test('the same facts give the same plan', () => {
  const known = { graph: mixedGraph(), pending: [pendingObject()], coverage: covered(days(2, 6)) };
  expect(plan(known)).toEqual(plan(known));
});

test('a year of days is planned', () => {
  const intervals = grid(365);
  const known = facts({
    graph,
    coverage: covered(...intervals.filter((_, i) => i % 2 === 0)),
    pending: intervals.map((period) => pendingObject({ period })),
    outcomes: graph.tasks.flatMap((t) => intervals.map((i) => outcome(t.name, 'failed', i))),
  });
  // Measured: 15 ms of the processor's time, cold.
  const { cells } = planCells({ intervals, notOver: undefined }, known);
  expect(cells.filter((c) => c.chosen)).toHaveLength(365);
});

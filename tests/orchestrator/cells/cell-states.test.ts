import { describe, expect, test } from 'vitest';
import type { CellFacts, IntervalCells } from '../../../src/orchestrator/cells/cell.ts';
import { cellStates } from '../../../src/orchestrator/cells/cell-states.ts';
import { cellSentence } from '../../../src/orchestrator/cells/why.ts';
import { gridOf } from '../../../src/pipeline/interval-grid.ts';
import { cron } from '../../../src/pipeline/schedule.ts';
import { graphFrom } from '../graphs.ts';
import {
  covered,
  DAY_MS,
  dataGraph,
  days,
  facts,
  firstMs,
  grid,
  HOUR_MS,
  mixedGraph,
  nowMs,
  outcome,
  pendingObject,
} from './facts.ts';

const head = (cells: readonly IntervalCells[]): readonly string[] => cells.map((c) => cellSentence(c.head));
const states = (cells: readonly IntervalCells[]): readonly string[] => cells.map((c) => c.head.state);
const of = (cells: readonly IntervalCells[], task: string): readonly string[] =>
  cells.map((c) => cellSentence(c.cells.find((each) => each.task === task)!));
const hours = (from: number, to: number) => ({ startMs: firstMs + from * HOUR_MS, endMs: firstMs + to * HOUR_MS });

describe('tasks on the data', () => {
  const graph = dataGraph();
  const look = (more: Partial<CellFacts>, count = 3) => cellStates(grid(count), facts({ graph, ...more }));

  test('are done where C is, and missing elsewhere', () => {
    expect(head(look({ coverage: covered(days(0), days(2)) }))).toEqual([
      'done: published',
      'missing: never published',
      'done: published',
    ]);
  });

  test('of an hourly schedule find what was published by days', () => {
    const hourly = [...gridOf(cron('0 * * * *', { start: '2018-11-01' })).endingIn(firstMs, firstMs + 2 * DAY_MS)];
    const cells = cellStates(hourly, facts({ graph, coverage: covered(days(0)) }));
    expect(states(cells)).toEqual([...Array(24).fill('done'), ...Array(24).fill('missing')]);
  });

  test('of a daily schedule say what hours of it are published', () => {
    expect(head(look({ coverage: covered(hours(0, 3), hours(5, 6)) }, 1))).toEqual([
      'missing: published in part only: 2018-11-01/2018-11-01T03:00Z, 2018-11-01T05:00Z/2018-11-01T06:00Z',
    ]);
  });

  test('say when the object of a missing interval was listed', () => {
    const pending = [
      pendingObject({ period: days(1) }),
      pendingObject({ period: undefined, name: 'song_data/a.json' }),
    ];
    expect(head(look({ pending }, 2))).toEqual([
      'missing: never published',
      'missing: never published; its object was listed 3 minutes ago',
    ]);
  });

  test('say that the warehouse was never read', () => {
    expect(head(look({ coverage: undefined }, 1))).toEqual([
      'missing: what is published was never read from the warehouse',
    ]);
  });

  test('are stale exactly where a changed or late object touches what is published', () => {
    const pending = [
      pendingObject({ name: 'log_data/2018-11-02-events.json', change: 'changed', period: days(1) }),
      pendingObject({ name: 'log_data/2018-11-04-events.json', change: 'new', period: days(3) }),
      pendingObject({ name: 'log_data/gone.json', change: 'gone', period: days(0) }),
    ];
    expect(head(look({ coverage: covered(days(0, 4)), pending }, 5))).toEqual([
      'done: published',
      'stale: log_data/2018-11-02-events.json changed after it was published',
      'done: published',
      'stale: log_data/2018-11-04-events.json came after it was published',
      'missing: never published',
    ]);
  });

  test('name the object of their own time before one of all time, and count the others', () => {
    const pending = [
      pendingObject({ period: undefined, name: 'song_data/a.json' }),
      pendingObject({ period: days(0), name: 'log_data/1.json', change: 'changed' }),
    ];
    expect(head(look({ coverage: covered(days(0, 2)), pending }, 2))).toEqual([
      'stale: log_data/1.json changed after it was published, and another object',
      'stale: song_data/a.json came after it was published',
    ]);
    const [first] = look({ coverage: covered(days(0)), pending }, 1);
    expect(first!.head.cause).toMatchObject({ kind: 'object', name: 'log_data/1.json', change: 'changed', more: 1 });
  });

  test('are stale everywhere when the definition changed, and before the first publish never', () => {
    const other = { ...covered(days(0)), definition: 's0' };
    expect(head(look({ coverage: other }, 2))).toEqual([
      'stale: the definition changed after it was published',
      'missing: never published',
    ]);
    expect(states(look({ coverage: { ...covered(), definition: undefined } }, 1))).toEqual(['missing']);
  });

  test('of an interval whose audit failed have all failed, and quality speaks for them', () => {
    const outcomes = [
      outcome('stage', 'succeeded', days(0)),
      outcome('quality', 'failed', days(0), { reason: '1 check failed:\n  songplays.start_time' }),
      outcome('publish', 'failed', days(0), { reason: 'quality failed' }),
    ];
    const cells = look({ outcomes }, 2);
    expect(head(cells)).toEqual([
      'failed: quality failed in run 12: 1 check failed: songplays.start_time',
      'missing: never published',
    ]);
    expect(of(cells, 'stage')[0]).toBe('failed: not published, because quality failed in run 12');
    expect(cells[0]!.head).toMatchObject({ task: 'quality', runId: 12 });
  });

  test('are done when they were published after a failure', () => {
    const outcomes = [outcome('quality', 'failed', days(0))];
    expect(states(look({ outcomes, coverage: covered(days(0)) }, 1))).toEqual(['done']);
  });

  test('whose repair failed have failed; a failure before the change was seen is forgotten', () => {
    const pending = [pendingObject({ period: days(0, 2), change: 'changed', listedAtMs: nowMs - 100 })];
    const outcomes = [
      outcome('quality', 'failed', days(0), { atMs: nowMs - 50, reason: 'bad' }),
      outcome('quality', 'failed', days(1), { atMs: nowMs - 150 }),
    ];
    const cells = look({ coverage: covered(days(0, 2)), pending, outcomes }, 2);
    expect(head(cells)).toEqual([
      'failed: quality failed in run 12: bad (an older version is published)',
      'stale: log_data/2018-11-05-events.json changed after it was published',
    ]);
    expect(of(cells, 'load')[0]).toMatch(/^stale: /u);
    expect(cells[0]!.head.cause).toMatchObject({ kind: 'object' });
  });

  test('forget an older failure under a newer outcome of a longer interval', () => {
    const outcomes = [
      outcome('quality', 'failed', days(1), { atMs: nowMs - 100 }),
      outcome('quality', 'cancelled', days(0, 3), { atMs: nowMs - 50, runId: 13 }),
    ];
    expect(of(look({ outcomes }), 'quality')).toEqual(Array(3).fill('missing: never published; run 13 was cancelled'));
  });

  test('that were left out are missing and say so', () => {
    const outcomes = [outcome('stage', 'skipped', days(0), { reason: 'no object for 2018-11-01' })];
    expect(of(look({ outcomes }, 1), 'stage')).toEqual([
      'missing: never published; left out in run 12: no object for 2018-11-01',
    ]);
  });

  test('run where a run is at them, whatever else is known', () => {
    const active = [
      { id: 7, state: 'queued', tasks: undefined, ...days(0, 2) },
      { id: 9, state: 'running', tasks: undefined, ...days(1) },
      { id: 8, state: 'cancelling', tasks: ['stage'], ...days(2) },
    ] as const;
    const cells = look({ active, coverage: covered(days(0)) });
    expect(head(cells)).toEqual([
      'running: run 7 waits for its turn',
      'running: run 9 is at it',
      'running: run 8 is being cancelled',
    ]);
    expect(of(cells, 'load')[2]).toBe('missing: never published');
  });
});

describe('functions', () => {
  test('of a pipeline without data follow their latest outcome', () => {
    const graph = graphFrom('a, b after a');
    const outcomes = [
      outcome('a', 'succeeded', days(0)),
      outcome('a', 'failed', days(1), { reason: 'no such host' }),
      outcome('a', 'skipped', days(2), { reason: 'a Sunday' }),
      outcome('a', 'cancelled', days(3)),
      outcome('b', 'succeeded', days(0)),
    ];
    const cells = cellStates(grid(5), facts({ graph, outcomes }));
    expect(of(cells, 'a')).toEqual([
      'done: done by run 12',
      'failed: a failed in run 12: no such host',
      'done: left out in run 12: a Sunday',
      'missing: run 12 was cancelled',
      'missing: never run',
    ]);
    expect(states(cells)).toEqual(['done', 'failed', 'missing', 'missing', 'missing']);
  });

  test('lose nothing when the schedule changes', () => {
    const graph = graphFrom('a');
    const outcomes = [
      outcome('a', 'succeeded', hours(0, 24)),
      outcome('a', 'succeeded', hours(24, 36)),
      outcome('a', 'succeeded', hours(36, 48)),
      outcome('a', 'succeeded', hours(48, 60)),
    ];
    expect(of(cellStates(grid(3), facts({ graph, outcomes })), 'a')).toEqual([
      'done: done by run 12',
      'done: done by run 12',
      'missing: never run for 2018-11-03T12:00Z/2018-11-04',
    ]);
    const halves = Array.from({ length: 6 }, (_, i) => hours(i * 12, i * 12 + 12));
    expect(states(cellStates(halves, facts({ graph, outcomes })))).toEqual([...Array(5).fill('done'), 'missing']);
  });

  test('that worked on what is stale now are stale with it; those before the data are not', () => {
    const graph = mixedGraph();
    const outcomes = [outcome('fetch', 'succeeded', days(0)), outcome('export', 'succeeded', days(0))];
    const pending = [pendingObject({ period: days(0), change: 'changed' })];
    const cells = cellStates(grid(1), facts({ graph, outcomes, pending, coverage: covered(days(0)) }));
    expect(of(cells, 'fetch')).toEqual(['done: done by run 12']);
    expect(of(cells, 'export')).toEqual([
      'stale: it worked on what is stale now: log_data/2018-11-05-events.json changed after it was published',
    ]);
  });

  test('after published data that never ran are missing alone; markers and sensors go with the data', () => {
    const cells = cellStates(grid(1), facts({ graph: mixedGraph(), coverage: covered(days(0)) }));
    expect(cells[0]!.cells.map((c) => `${c.task} ${c.state}`)).toEqual([
      'fetch missing',
      'begin done',
      'wait done',
      'stage done',
      'load done',
      'quality done',
      'publish done',
      'end done',
      'export missing',
    ]);
  });
});

test('three years of days of 10 tasks, and of hours, are told', () => {
  const graph = mixedGraph();
  const look = (step: number, count: number): void => {
    const intervals = Array.from({ length: count }, (_, i) => ({
      startMs: firstMs + i * step,
      endMs: firstMs + (i + 1) * step,
    }));
    const outcomes = graph.tasks.flatMap((t) =>
      intervals.map((i, n) => outcome(t.name, n % 7 ? 'succeeded' : 'failed', i)),
    );
    const pending = intervals.filter((_, i) => i % 5 === 0).map((period) => pendingObject({ period }));
    const coverage = covered(...intervals.filter((_, i) => i % 3 !== 0));
    const cells = cellStates(intervals, facts({ graph, outcomes, pending, coverage }));
    expect(cells).toHaveLength(count);
    expect(cells.every((c) => c.cells.length === graph.tasks.length)).toBe(true);
  };
  // Measured: 15 ms and 300 ms of the processor's time; what grew with the square of it would never end.
  look(DAY_MS, 1095);
  look(HOUR_MS, 26_280);
});

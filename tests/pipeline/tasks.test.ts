import { describe, expect, expectTypeOf, test } from 'vitest';
import { z } from 'zod';
import { chosenTasks } from '../../src/pipeline/branching.ts';
import { col } from '../../src/pipeline/column.ts';
import { createTables, loadFact, loadSql, publish, quality, stage } from '../../src/pipeline/data-tasks.ts';
import { definePipeline, resolvePipeline } from '../../src/pipeline/define.ts';
import { definitionHash, definitionOf } from '../../src/pipeline/definition.ts';
import type { FunctionContext } from '../../src/pipeline/function-context.ts';
import { branch, call, mapped, marker, sensor, thread, waitForObjects } from '../../src/pipeline/function-tasks.ts';
import { graphOf } from '../../src/pipeline/graph-of.ts';
import { requireElements, requireValue } from '../../src/pipeline/json-value.ts';
import { cron } from '../../src/pipeline/schedule.ts';
import { type SqlTable, type Staging, sqlTable } from '../../src/pipeline/tables.ts';
import { chain, group, type TaskSet, together } from '../../src/pipeline/task.ts';
import { visitFacts, visits, withTasks } from './one-table.ts';

const noop = (): void => {};
const flow = (...middle: TaskSet[]): TaskSet =>
  chain(createTables(), stage(visits), loadFact(visitFacts), quality(), ...middle, publish());

describe('options', () => {
  test('stand last in every builder, as a name or as options with one', () => {
    const names = [
      createTables('a'),
      stage(visits, 'b'),
      stage(visits, { name: 'c', retries: 1 }),
      loadFact(visitFacts, { retries: 2 }),
      quality([], { name: 'd', timeout: '1 hour' }),
      waitForObjects(visits),
    ].flatMap((set) => set.tasks);
    expect(names.map((t) => t.name)).toEqual(['a', 'b', 'c', 'load_visits', 'd', 'wait_for_visits']);
    expect(names.map((t) => t.given)).toEqual([{}, {}, { retries: 1 }, { retries: 2 }, { timeout: '1 hour' }, {}]);
  });

  test('are the task’s, else the pipeline’s, else the built-in ones', () => {
    const pipeline = withTasks(
      flow(call('tell', noop, { retries: { max: 1, delay: '1 minute' }, pool: 'mail', poolSlots: 2, priority: -5 })),
      { defaults: { retries: 3, timeout: '10 minutes', queue: 'heavy' }, pools: { mail: 2 } },
    );
    const options = Object.fromEntries(pipeline.tasks.map((t) => [t.name, t.options]));
    expect(options.stage_visits).toEqual({
      retries: { max: 3, delayMs: 30_000, factor: 2, maxDelayMs: 3_600_000, jitter: 0.1 },
      timeoutMs: 600_000,
      trigger: 'all_succeeded',
      pool: undefined,
      poolSlots: 1,
      queue: 'heavy',
      priority: 0,
      dependsOnPast: false,
    });
    expect(options.tell).toMatchObject({
      retries: { max: 1, delayMs: 60_000 },
      pool: 'mail',
      poolSlots: 2,
      priority: -5,
      queue: 'heavy',
    });
    expect(withTasks(flow()).tasks[0]!.options).toMatchObject({ retries: { max: 0 }, timeoutMs: undefined });
  });

  test('leave the definition alone, and make another version of the graph', () => {
    const plain = withTasks(flow(marker('end')));
    const orchestrated = withTasks(
      chain(
        waitForObjects(visits, { grace: '1 hour' }),
        createTables({ retries: 5 }),
        stage(visits, { timeout: '1 hour', pool: 'disk' }),
        loadFact(visitFacts, { dependsOnPast: true, priority: 4 }),
        quality([], { queue: 'heavy' }),
        publish(),
        marker('end', { trigger: 'all_done' }),
      ),
      {
        schedule: cron('0 7 * * *', { start: '2024-01-01' }),
        deadline: '2 hours',
        maxActiveRuns: 1,
        defaults: { retries: 2 },
        pools: { disk: 3 },
      },
    );
    const hash = (p: typeof plain) => definitionHash(definitionOf(p));
    expect(hash(orchestrated)).toBe(hash(plain));
    expect(graphOf(orchestrated).semanticVersion).toBe(graphOf(plain).semanticVersion);
    expect(graphOf(orchestrated).version).not.toBe(graphOf(plain).version);
    const definition = JSON.stringify(definitionOf(orchestrated));
    expect(definition).not.toMatch(/retr|cron|pool|timeout|schedule|grace/iu);
  });
});

describe('the graph', () => {
  const orchestrated = () =>
    withTasks(
      chain(
        sensor('door', { look: () => true, every: '1 minute', timeout: '2 hours', onTimeout: 'skip', retries: 1 }),
        waitForObjects(visits),
        branch('fork', () => 'left'),
        group('ways', [call('left', noop), mapped('right', { over: () => [1], run: noop, pool: 'p' })]),
        thread('think', new URL('file:///somewhere/think.ts'), 'think', { trigger: 'none_failed' }),
        createTables(),
        stage(visits),
        loadFact(visitFacts),
        quality(),
        publish(),
      ),
      { schedule: cron('@daily', { start: '2024-01-01', timeZone: 'Asia/Tokyo' }), deadline: '2 hours' },
    );

  test('is plain data: what a store reads back is what it was given', () => {
    const graph = graphOf(orchestrated());
    expect(JSON.parse(JSON.stringify(graph))).toEqual(JSON.parse(JSON.stringify(structuredClone(graph))));
    expect(graph).toMatchObject({ pipeline: 'visits', deadlineMs: 7_200_000, maxActiveRuns: 16, pools: {} });
    expect(graph.schedule).toMatchObject({ text: '@daily', timeZone: 'Asia/Tokyo' });
    const byName = Object.fromEntries(graph.tasks.map((t) => [t.name, t]));
    expect(byName.door).toMatchObject({
      kind: 'sensor',
      sensor: { everyMs: 60_000, timeoutMs: 7_200_000, onTimeout: 'skip' },
      data: false,
      retries: { max: 1 },
    });
    expect(byName.wait_for_visits).toMatchObject({
      kind: 'wait-for-objects',
      data: false,
      sensor: { everyMs: 300_000, graceMs: 43_200_000, onTimeout: 'succeed' },
    });
    expect(byName.fork).toMatchObject({ branch: true, mapped: false, after: ['wait_for_visits'] });
    expect(byName.right).toMatchObject({ mapped: true, branch: false, group: 'ways', pool: 'p', after: ['fork'] });
    expect(byName.think).toMatchObject({ kind: 'thread', trigger: 'none_failed', after: ['left', 'right'] });
    expect(graph.tasks.filter((t) => t.data).map((t) => t.name)).toEqual([
      'create_tables',
      'stage_visits',
      'load_visits',
      'quality',
      'publish',
    ]);
  });

  test('has the same version each time, and another one for whatever changes in it', () => {
    expect(graphOf(orchestrated())).toEqual(graphOf(orchestrated()));
    const versions = [
      withTasks(flow()),
      withTasks(flow(), { maxActiveRuns: 2 }),
      withTasks(flow(), { deadline: 1 }),
      withTasks(flow(), { schedule: cron('@daily') }),
      withTasks(flow(), { schedule: cron('@daily', { missed: 'none' }) }),
      withTasks(flow(), { defaults: { retries: 1 } }),
      withTasks(flow(), { pools: { a: 1 } }),
      withTasks(flow(marker('more'))),
    ].map((p) => graphOf(p).version);
    expect(new Set(versions).size).toBe(versions.length);
  });
});

describe('a branch', () => {
  const { tasks } = withTasks(
    chain(
      branch('fork', () => []),
      [group('a', [group('inner', [call('a1', noop)]), call('a2', noop)]), call('b', noop)],
      call('later', noop),
      flow(),
    ),
  );

  test('names tasks or groups directly after it', () => {
    expect(chosenTasks(tasks, 'fork', 'b')).toEqual(['b']);
    expect(chosenTasks(tasks, 'fork', ['a'])).toEqual(['a1', 'a2']);
    expect(chosenTasks(tasks, 'fork', ['a.inner', 'b', 'b'])).toEqual(['a1', 'b']);
    expect(chosenTasks(tasks, 'fork', [])).toEqual([]);
  });

  test.each([['c'], ['later'], [undefined], [[1]], [['b', 'nowhere']]])('%s is nothing it could choose', (choice) => {
    expect(() => chosenTasks(tasks, 'fork', choice)).toThrow(
      expect.objectContaining({ code: 'BRANCH_UNKNOWN', remedy: expect.stringContaining('a1, a2, b, a.inner, a') }),
    );
  });
});

describe('values', () => {
  const giver = { pipeline: 'p', task: 't' };

  test('are JSON as it comes back from a store', () => {
    const value = { a: [1, 'two', null, true], b: { c: -0 }, d: undefined };
    expect(requireValue(giver, value)).toEqual({ a: [1, 'two', null, true], b: { c: 0 } });
    expect(requireValue(giver, undefined)).toBeUndefined();
    const row = Object.assign(Object.create(null), { n: 1 });
    expect(requireValue(giver, row)).toEqual({ n: 1 });
  });

  const circle: { self?: unknown } = {};
  circle.self = [circle];
  test.each([
    ['a function', () => 1, 'the value is a function'],
    ['a bigint', { rows: [1n] }, 'the value.rows[0] is a bigint'],
    ['no number', { share: 0 / 0 }, 'the value.share is NaN'],
    ['a date', { at: new Date(0) }, 'the value.at is a Date, not a plain object'],
    ['a map', new Map(), 'the value is a Map, not a plain object'],
    ['undefined in an array', [undefined], 'the value[0] is undefined'],
    ['a circle', circle, 'the value.self[0] contains itself'],
  ])('%s is none', (_, value, detail) => {
    expect(() => requireValue(giver, value)).toThrow(
      expect.objectContaining({ code: 'VALUE_INVALID', message: expect.stringContaining(detail) }),
    );
  });

  test('are small', () => {
    expect(requireValue(giver, 'x'.repeat(65_534))).toHaveLength(65_534);
    expect(() => requireValue(giver, 'é'.repeat(40_000))).toThrow(
      expect.objectContaining({ code: 'VALUE_TOO_LARGE', message: expect.stringContaining('80002 bytes') }),
    );
  });

  test('of a mapped task are an array, whose elements are small', () => {
    expect(requireElements(giver, [1, { a: 2 }])).toEqual([1, { a: 2 }]);
    expect(
      requireElements(
        giver,
        Array.from({ length: 10_000 }, (_, i) => i),
      ),
    ).toHaveLength(10_000);
    expect(() => requireElements(giver, 3)).toThrow(/no array/);
    expect(() => requireElements(giver, [undefined])).toThrow(/element 0 of `over` is undefined/);
    expect(() => requireElements(giver, new Array(100_001).fill(0))).toThrow(/at most 100000/);
  });

  test('have the type that their task gives', () => {
    const count = call('count', () => 3);
    const names = call('names', async () => ['a']);
    const lengths = mapped('lengths', { over: () => ['a', 'b'], run: (_, name) => name.length });
    const read = (context: FunctionContext) => ({
      count: context.value(count),
      names: context.value(names),
      lengths: context.value(lengths),
    });
    expectTypeOf(read).returns.toEqualTypeOf<{
      count: Promise<number | undefined>;
      names: Promise<string[] | undefined>;
      lengths: Promise<readonly (number | null)[] | undefined>;
    }>();
    expect([count.name, names.name, lengths.name]).toEqual(['count', 'names', 'lengths']);
  });
});

describe('what cannot be', () => {
  const invalid = (make: () => unknown, message: string | RegExp, code = 'PIPELINE_INVALID'): void => {
    expect(make).toThrow(expect.objectContaining({ code, message: expect.stringMatching(message) }));
  };

  test.each<[string, () => unknown, RegExp]>([
    ['negative retries', () => withTasks(flow(call('a', noop, { retries: -1 }))), /task a: retries must be a whole/],
    ['half a retry', () => withTasks(flow(), { defaults: { retries: 0.5 } }), /retries must be a whole number/],
    ['a shrinking delay', () => withTasks(flow(call('a', noop, { retries: { max: 1, factor: 0.5 } }))), /factor/],
    ['too much jitter', () => withTasks(flow(call('a', noop, { retries: { max: 1, jitter: 2 } }))), /jitter/],
    [
      'a cap below the delay',
      () => withTasks(flow(call('a', noop, { retries: { max: 1, delay: '1 hour', maxDelay: '1 minute' } }))),
      /longest delay of its retries is shorter/,
    ],
    ['no time at all', () => withTasks(flow(call('a', noop, { timeout: 0 }))), /timeout is 0/],
    ['an unknown trigger', () => withTasks(flow(call('a', noop, { trigger: 'some' as 'all_done' }))), /no trigger/],
    ['a pool of zero', () => withTasks(flow(), { pools: { mail: 0 } }), /pool mail has 0 slots/],
    ['a pool of less', () => withTasks(flow(), { pools: { mail: -1 } }), /pool mail has -1 slots/],
    [
      'more slots than there are',
      () => withTasks(flow(call('a', noop, { pool: 'mail', poolSlots: 3 })), { pools: { mail: 2 } }),
      /task a takes 3 slots of pool mail, which has 2/,
    ],
    ['no slots', () => withTasks(flow(call('a', noop, { pool: 'mail', poolSlots: 0 }))), /pool slots from 1 on/],
    ['slots of nothing', () => withTasks(flow(call('a', noop, { poolSlots: 2 }))), /names no pool/],
    ['no queue', () => withTasks(flow(call('a', noop, { queue: ' ' }))), /name of its queue/],
    ['no run at a time', () => withTasks(flow(), { maxActiveRuns: 0 }), /maxActiveRuns is 0/],
    ['a sensor without a pause', () => withTasks(flow(sensor('a', { look: () => true, every: 0 }))), /without a pause/],
    ['a sensor without time', () => withTasks(flow(sensor('a', { look: () => true, timeout: 0 }))), /timeout is 0/],
    [
      'a branch to nowhere',
      () =>
        withTasks(
          together(
            flow(),
            branch('a', () => []),
          ),
        ),
      /nothing comes after it/,
    ],
    [
      'a module that is none',
      () => withTasks(flow(thread('a', './think.ts', 'think'))),
      /"\.\/think\.ts" is no module/,
    ],
    ['a name that is none', () => withTasks(flow(call('a b', noop))), /"a b" is no name of a task/],
    ['two of a name', () => withTasks(flow(call('quality', noop))), /two tasks are called quality/],
  ])('%s', (_, make, message) => {
    invalid(make, message);
  });

  test('a length of time that is none', () => {
    invalid(
      () => withTasks(flow(call('a', noop, { timeout: '5 minuts' }))),
      /task a: timeout: "5 minuts"/,
      'DURATION_INVALID',
    );
    invalid(() => withTasks(flow(), { deadline: 'soon' }), /pipeline visits: deadline: "soon"/, 'DURATION_INVALID');
    invalid(() => sensor('a', { look: () => true, every: 'often' }), /task a: every: "often"/, 'DURATION_INVALID');
  });

  test('a definition that throws, with its cause', () => {
    const cause = new TypeError('no such column');
    const broken = definePipeline({
      name: 'broken',
      params: z.object({}),
      define: () => {
        throw cause;
      },
    });
    expect(() => resolvePipeline(broken, {})).toThrow(
      expect.objectContaining({
        code: 'PIPELINE_INVALID',
        message: 'Pipeline broken: its definition throws: no such column',
        cause,
      }),
    );
  });

  test('a publish of what nothing has audited', () => {
    const loaded = chain(createTables(), stage(visits), loadFact(visitFacts));
    invalid(
      () => withTasks(chain(loaded, publish())),
      /publish would publish what load_visits loads before anything has audited it.*/,
    );
    invalid(
      () => withTasks(chain(createTables(), stage(visits), quality(), loadFact(visitFacts), publish())),
      /what load_visits loads before anything has audited it/,
    );
    invalid(() => withTasks(chain(loaded, [quality(), publish()])), /before anything has audited it/);
    // Without a publish nothing is seen.
    expect(withTasks(loaded).tasks).toHaveLength(3);
  });

  test('a load that could begin before all is staged', () => {
    const more: Staging = { ...visits, name: 'staging_more' };
    const late = stage(more);
    const both = (tasks: TaskSet) => withTasks(tasks, {}, [visits, more]);
    const first = [createTables(), stage(visits)] as const;
    invalid(
      () => both(chain(...first, loadFact(visitFacts), late, quality(), publish())),
      /load_visits could begin before stage_more has ended, and would not know what that one staged/,
    );
    invalid(
      () => both(chain(createTables(), [chain(stage(visits), loadFact(visitFacts)), late], quality(), publish())),
      /load_visits could begin before stage_more has ended/,
    );
    const inTime = chain(createTables(), [stage(visits), late], loadFact(visitFacts), quality(), publish());
    expect(both(inTime).tasks).toHaveLength(6);
  });

  test('a table of free SQL that could be loaded before what it reads', () => {
    const counting = (name: string, sql: string) =>
      sqlTable(name, {
        doc: 'How many.',
        sql,
        columns: { n: col.bigint({ sql: 'n', nullable: false, doc: 'Number.' }) },
        key: ['n'],
      });
    const counts = counting('counts', 'select count(*) as n from Visits');
    const withCounts = (table: SqlTable, ...loads: readonly TaskSet[]) =>
      resolvePipeline(
        definePipeline({
          name: 'counted',
          params: z.object({}),
          define: () => ({
            stagings: [visits],
            tables: [visitFacts, table],
            tasks: chain(createTables(), stage(visits), ...loads, quality(), publish()),
          }),
        }),
        {},
      );
    invalid(
      () => withCounts(counts, loadSql(counts), loadFact(visitFacts)),
      /load_counts could begin before load_visits has ended, and counts is made of visits/,
    );
    invalid(() => withCounts(counts, together(loadSql(counts), loadFact(visitFacts))), /counts is made of visits/);
    expect(withCounts(counts, loadFact(visitFacts), loadSql(counts)).tasks).toHaveLength(6);
    // A word in a text or a comment, and a part of a word, are no table.
    const none = counting(
      'counts',
      "select 1 as n -- not visits\n /* nor\n visits */ where 'visits' <> 'my_visits' or 1 = (select 1 as visits_2)",
    );
    expect(withCounts(none, loadSql(none), loadFact(visitFacts)).tasks).toHaveLength(6);
  });

  test('a staging that two tasks stage', () => {
    invalid(
      () => withTasks(chain(createTables(), [stage(visits), stage(visits, 'again')], loadFact(visitFacts))),
      /stage_visits and again both stage staging_visits/,
    );
  });

  test('a publish that does not heed what failed before it', () => {
    const unaudited = chain(createTables(), stage(visits), loadFact(visitFacts));
    invalid(
      () => withTasks(chain(unaudited, quality(), publish({ trigger: 'all_done' }))),
      /publish would run although create_tables had failed/,
    );
    invalid(
      () => withTasks(chain(unaudited, quality(), call('tell', noop, { trigger: 'all_done' }), publish())),
      /publish would run although .* had failed/,
    );
    invalid(
      () => withTasks(chain(unaudited, quality(), call('tell', noop, { trigger: 'none_failed' }), publish())),
      /publish would run although .* was skipped/,
    );
    // Beside the way of the audit anything may happen.
    const beside = chain(unaudited, quality(), [publish(), call('tell', noop, { trigger: 'all_done' })]);
    expect(withTasks(beside).tasks).toHaveLength(6);
  });
});

import { expect, test } from 'vitest';
import sparkify from '../../pipelines/sparkify/index.ts';
import { resolvePipeline } from '../../src/pipeline/define.ts';
import { graphOf } from '../../src/pipeline/graph-of.ts';
import { nextInterval } from '../../src/pipeline/interval-grid.ts';
import { withoutQuotes } from '../../src/pipeline/sql.ts';
import { DuckDatabase } from '../../src/warehouse/duckdb/database.ts';

const resolved = (values: object = {}) => resolvePipeline(sparkify, { logData: 'logs', songData: 'songs', ...values });

test('staging_events stands in the alphabetical order of its fields, as a jsonpaths file maps them', () => {
  const fields = resolved().stagings[0]!.columns.map((c) => c.field);
  expect(fields).toHaveLength(18);
  expect(fields).toEqual([...fields].sort((a, b) => (a < b ? -1 : 1)));
});

test('the largest session and item that are accepted still fit the key of a play', () => {
  const { columns } = resolved().stagings[0]!;
  const max = (name: string) => BigInt(columns.find((c) => c.name === name)!.max!);
  expect(max('session_id') * 2n ** 20n + max('item_in_session')).toBe(2n ** 63n - 1n);
});

test('strict matching asks for the duration too, and no other mode exists', () => {
  const lookup = (values: object) => {
    const [fact] = resolved(values).tables;
    return fact!.kind === 'fact' ? fact!.lookups[0]!.where : 'no fact';
  };
  expect(lookup({})).toBeUndefined();
  expect(lookup({ match: 'strict' })).toBe('song.duration = r.length');
  expect(() => resolved({ match: 'fuzzy' })).toThrow('match');
});

test('the dimensions load side by side after the plays, and the audit waits for all of them', () => {
  const { tasks } = resolved();
  const dimensions = tasks.filter((t) => t.group === 'load_dimensions');
  expect(dimensions.map((t) => t.after)).toEqual(dimensions.map(() => ['load_songplays']));
  expect(tasks.find((t) => t.name === 'quality')!.after).toEqual(dimensions.map((t) => t.name));
});

test('a run goes from begin to end, is a UTC day, and waits for its log before it holds the warehouse', () => {
  const graph = graphOf(resolved());
  expect(graph.tasks[0]).toMatchObject({ name: 'begin', after: [] });
  expect(graph.tasks.at(-1)).toMatchObject({ name: 'end', after: ['publish'] });
  const data = graph.tasks.findIndex((t) => t.data);
  expect(graph.tasks.findIndex((t) => t.name === 'wait_for_events')).toBeLessThan(data);
  expect(graph.tasks[data]!.after).toEqual(['wait_for_events']);
  expect(graph.tasks.every((t) => t.retries.max === 3 && t.retries.delayMs === 300_000)).toBe(true);
  const morning = Date.UTC(2018, 10, 3, 7);
  expect(nextInterval(graph.schedule!, morning)).toEqual({
    startMs: Date.UTC(2018, 10, 3),
    endMs: Date.UTC(2018, 10, 4),
  });
});

test('one pair of wrapping quotes is taken off a user agent, and nothing else', async () => {
  const database = await DuckDatabase.open({ path: ':memory:' });
  try {
    const session = await database.connect();
    const texts = ['"Mozilla/5.0"', '""twice""', 'bare', '"', '""', '"open', ''];
    const [row] = await session.all<{ found: string }>(
      `select to_json(list(${withoutQuotes('t.agent')} order by t.i)) as found
       from (select unnest($1::json::varchar[]) as agent, generate_subscripts($1::json::varchar[], 1) as i) t`,
      [JSON.stringify(texts)],
    );
    expect(JSON.parse(row!.found)).toEqual(['Mozilla/5.0', '"twice"', 'bare', '"', '', '"open', '']);
    session.close();
  } finally {
    database.close();
  }
});

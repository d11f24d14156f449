import { mkdirSync, mkdtempSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { fixedClock } from '../../src/core/clock.ts';
import { col, read } from '../../src/pipeline/column.ts';
import { createTables, loadFact, publish, quality, stage } from '../../src/pipeline/data-tasks.ts';
import { definePipeline } from '../../src/pipeline/define.ts';
import { fact, staging } from '../../src/pipeline/tables.ts';
import { chain } from '../../src/pipeline/task.ts';
import { type EngineRun, engineRun } from '../integration/engine-runs.ts';
import { engines, type TestWarehouse } from '../warehouse/engines.ts';

const options = z.object({
  root: z.string(),
  wide: z.boolean().default(false),
  onMissing: z.enum(['empty', 'fail']).default('empty'),
});

/** Visits by day; `wide` reads one more column. */
const visits = definePipeline({
  name: 'visits',
  params: options,
  define: ({ root, wide, onMissing }) => {
    const source = staging('staging_visits', {
      doc: 'Visits',
      root,
      template: '{yyyy-MM-dd}.json',
      key: ['id'],
      eventTime: 'at',
      onMissing,
      columns: {
        id: read.integer({ required: true, doc: 'Visit' }),
        at: read.epochMs({ required: true, doc: 'When' }),
        ...(wide ? { page: read.text({ doc: 'Page' }) } : {}),
      },
    });
    const table = fact('visits', {
      doc: 'Visits',
      from: source,
      key: ['id'],
      columns: {
        id: col.bigint({ sql: 'r.id', nullable: false, doc: 'Visit' }),
        ...(wide ? { page: col.text({ sql: 'r.page', doc: 'Page' }) } : {}),
      },
    });
    return {
      stagings: [source],
      tables: [table],
      tasks: chain(createTables(), stage(source), loadFact(table), quality(), publish()),
    };
  },
});

const DAY_MS = 86_400_000;
const FIRST_MS = Date.UTC(2021, 5, 1);
const keyOf = (day: number): string => `${new Date(FIRST_MS + day * DAY_MS).toISOString().slice(0, 10)}.json`;
const intervalOf = (day: number) => ({ startMs: FIRST_MS + day * DAY_MS, endMs: FIRST_MS + (day + 1) * DAY_MS });

describe.each(engines)('objects of a source on $name', ({ open }) => {
  let at: TestWarehouse;
  let root: string;
  let star: EngineRun;
  const put = (day: number, lines: readonly string[]): void => {
    mkdirSync(dirname(join(root, keyOf(day))), { recursive: true });
    writeFileSync(join(root, keyOf(day)), lines.join('\n'));
  };
  const visit = (day: number, id: number): string =>
    JSON.stringify({ id, at: FIRST_MS + day * DAY_MS + id, page: `p${id}` });
  const ids = async (): Promise<readonly unknown[]> =>
    (await star.rows('select id from visits order by id')).map((r) => r[0]);

  beforeEach(async () => {
    root = mkdtempSync(join(tmpdir(), 'sparkify-objects-'));
    at = await open();
    star = engineRun(at.warehouse, { root }, visits);
    for (let day = 0; day < 12; day++) put(day, [visit(day, day)]);
    await star.run();
  });
  afterEach(async () => {
    await at.dispose();
    rmSync(root, { recursive: true, force: true });
  });

  test('an object that is gone keeps its rows and is reported; --prune retracts it', async () => {
    rmSync(join(root, keyOf(3)));
    const kept = await star.run();
    expect(kept.outcome).toBe('nothing-new');
    expect(kept.warnings).toEqual([expect.stringContaining(keyOf(3))]);
    expect(await ids()).toHaveLength(12);
    const pruned = await star.run({ prune: true });
    expect(pruned.deltas).toMatchObject([{ removed: 1 }]);
    expect(await ids()).not.toContain(3);
  });

  test('a listing that lost more than a tenth prunes nothing unless told so', async () => {
    for (const day of [1, 2]) rmSync(join(root, keyOf(day)));
    await expect(star.run({ prune: true })).rejects.toMatchObject({
      code: 'PRUNE_REFUSED',
      params: { gone: 2, known: 12, listed: 10 },
    });
    expect(await ids()).toHaveLength(12);
    await star.run({ prune: true, pruneAll: true });
    expect(await ids()).toHaveLength(10);
  });

  test('an empty listing never wipes the star', async () => {
    for (let day = 0; day < 12; day++) rmSync(join(root, keyOf(day)));
    await expect(star.run({ prune: true })).rejects.toMatchObject({ code: 'PRUNE_REFUSED', params: { listed: 0 } });
    rmSync(root, { recursive: true });
    await expect(star.run({ prune: true, pruneAll: true })).rejects.toMatchObject({ code: 'SOURCE_NOT_FOUND' });
    expect(await ids()).toHaveLength(12);
  });

  test('a run of one day prunes only what its listing would have shown', async () => {
    rmSync(join(root, keyOf(0)));
    rmSync(join(root, keyOf(9)));
    await star.run({ interval: intervalOf(9), prune: true, pruneAll: true });
    expect(await ids()).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 11]);
  });

  test('a day without an object is empty and said aloud, or a failure where the source says so', async () => {
    const report = await star.run({ interval: intervalOf(20) });
    expect(report.warnings).toEqual([expect.stringContaining('no object for 2021-06-21')]);
    const strict = engineRun(at.warehouse, { root, onMissing: 'fail' }, visits);
    await expect(strict.run({ interval: intervalOf(21) })).rejects.toMatchObject({
      code: 'OBJECTS_MISSING',
      params: { periods: ['2021-06-22'] },
    });
  });

  test('a file whose size and time did not change is not read again, unless verified', async () => {
    const path = join(root, keyOf(5));
    const old = statSync(path);
    const clock = fixedClock(Date.now() + 10_000);
    utimesSync(path, old.atime, new Date(Math.floor(old.mtimeMs / 1000) * 1000));
    await star.run({ clock });
    writeFileSync(path, visit(5, 7).replace('"id":7', '"id":6'));
    utimesSync(path, old.atime, new Date(Math.floor(old.mtimeMs / 1000) * 1000));
    expect((await star.run({ clock })).outcome).toBe('nothing-new');
    expect((await star.run({ clock, verify: true })).outcome).toBe('published');
    expect(await ids()).not.toContain(5);
  });

  test('a column the segments lack is named; reading the sources again brings it', async () => {
    const wide = engineRun(at.warehouse, { root, wide: true }, visits);
    await expect(wide.run()).rejects.toMatchObject({ code: 'DEFINITION_CHANGED' });
    await expect(wide.run({ rebuild: true })).rejects.toMatchObject({
      code: 'SEGMENTS_LACK',
      message: expect.stringContaining('staging_visits.page'),
    });
    expect(await ids()).toHaveLength(12);
    await wide.run({ rebuild: true, fromSources: true });
    expect(await wide.rows('select id, page from visits where id = 4')).toEqual([[4, 'p4']]);
    put(12, [visit(12, 12)]);
    await wide.run();
    expect(await wide.one('select count(*) from visits')).toBe(13);
  });

  test('unknown and missing fields are loaded without, and reported once per object', async () => {
    put(12, [visit(12, 12), visit(12, 13), visit(12, 14).replace(',"page":"p14"', '')]);
    expect((await star.run()).warnings).toEqual([
      expect.stringMatching(new RegExp(`${keyOf(12)}: unknown field "page" in 2 records$`)),
    ]);
    expect(await ids()).toContain(14);
  });

  test('one key with different contents is one row, and reported', async () => {
    put(12, [visit(12, 3), visit(12, 12)]);
    const report = await star.run();
    expect(report.warnings).toContainEqual(expect.stringContaining('1 key has records with different contents'));
    expect(await ids()).toHaveLength(13);
  });

  test('too large a share in quarantine stops the run before the publish', async () => {
    put(12, [
      ...Array.from({ length: 95 }, (_, i) => visit(12, 100 + i)),
      ...Array.from({ length: 6 }, () => '{"id":"x"}'),
    ]);
    await expect(star.run()).rejects.toMatchObject({
      code: 'QUARANTINE_SHARE',
      message: expect.stringContaining(`${keyOf(12)} (6 of 101)`),
    });
    expect(await ids()).toHaveLength(12);
  });
});

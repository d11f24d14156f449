import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { correctRecords, discardRecords, replayRecords } from '../../src/operators/quarantine.ts';
import { col, read } from '../../src/pipeline/column.ts';
import { createTables, loadFact, publish, quality, stage } from '../../src/pipeline/data-tasks.ts';
import { definePipeline, type Pipeline } from '../../src/pipeline/define.ts';
import { epochMs } from '../../src/pipeline/sql.ts';
import { fact, staging } from '../../src/pipeline/tables.ts';
import { chain } from '../../src/pipeline/task.ts';
import { engines, type TestWarehouse } from '../warehouse/engines.ts';
import { type EngineRun, engineRun } from './engine-runs.ts';

/** A staging whose rules of reading its author still looks for. */
interface Draft {
  readonly cityRequired?: boolean;
  readonly least?: number;
  /** Another column of the source and of the star. */
  readonly note?: 'text' | 'integer';
}

function draft({ cityRequired = false, least = 1, note }: Draft): Pipeline {
  return definePipeline({
    name: 'shop',
    params: z.object({ root: z.string() }),
    define: ({ root }) => {
      const orders = staging('staging_orders', {
        doc: 'Orders',
        root,
        template: '{yyyy-MM-dd}.json',
        key: ['id'],
        eventTime: 'at',
        columns: {
          id: read.integer({ required: true, min: least, doc: 'Order' }),
          at: read.epochMs({ required: true, doc: 'When' }),
          city: read.text({ required: cityRequired, doc: 'Where' }),
          ...(note === undefined ? {} : { note: read[note]({ doc: 'What else' }) }),
        },
      });
      const sales = fact('sales', {
        doc: 'Sales',
        from: orders,
        key: ['id'],
        columns: {
          id: col.bigint({ sql: 'r.id', nullable: false, doc: 'Order' }),
          ...(note === undefined
            ? {}
            : {
                note: note === 'text' ? col.text({ sql: 'r.note', doc: 'N' }) : col.bigint({ sql: 'r.note', doc: 'N' }),
              }),
          at: col.timestamp({ sql: epochMs('r.at'), nullable: false, doc: 'When' }),
          city: col.text({ sql: 'r.city', doc: 'Where' }),
        },
      });
      return {
        stagings: [orders],
        tables: [sales],
        tasks: chain(createTables(), stage(orders), loadFact(sales), quality(), publish()),
      };
    },
  });
}

describe.each(engines)('rules of reading that change, on $name', ({ open }) => {
  let at: TestWarehouse;
  let root: string;
  const under = (d: Draft): EngineRun => engineRun(at.warehouse, { root }, draft(d));
  const order = (id: unknown): object => ({ id, at: Date.UTC(2020, 0, 1), note: id });

  beforeEach(async () => {
    at = await open();
    root = mkdtempSync(join(tmpdir(), 'sparkify-draft-'));
    mkdirSync(root, { recursive: true });
    const rows = Array.from({ length: 120 }, (_, i) => order(i + 1));
    writeFileSync(join(root, '2020-01-01.json'), rows.map((r) => JSON.stringify(r)).join('\n'));
  });
  afterEach(async () => {
    await at.dispose();
    rmSync(root, { recursive: true, force: true });
  });

  test('before the first publish, what was staged by other rules is read again', async () => {
    await expect(under({ cityRequired: true }).run()).rejects.toMatchObject({ code: 'QUARANTINE_SHARE' });
    const star = under({ note: 'integer' });
    expect((await star.run()).outcome).toBe('published');
    expect(await star.rows('select count(*), sum(note) from sales')).toEqual([[120, 7260]]);
    expect((await star.run()).outcome).toBe('nothing-new');
    expect(
      await star.rows('select state, count(*) from sparkify_ledger.objects group by state order by state'),
    ).toEqual([
      ['abandoned', 1],
      ['live', 1],
    ]);
  });

  test('what people said of records goes along to the new reading', async () => {
    const strict = under({ cityRequired: true });
    const rows = [...Array.from({ length: 200 }, (_, i) => ({ ...order(i + 1), city: 'Ulm' })), order('x'), order('y')];
    writeFileSync(join(root, '2020-01-01.json'), rows.map((r) => JSON.stringify(r)).join('\n'));
    expect((await strict.run({ dryRun: true })).outcome).toBe('dry-run');
    const corrected = Buffer.from(JSON.stringify({ ...order(500), city: 'Ulm' }));
    await correctRecords(strict.options, [{ id: 1, text: corrected }]);
    await discardRecords(at.warehouse, 'shop', [2], 'test traffic');
    const star = under({ least: 2 });
    await star.run();
    expect(await star.rows('select count(*), max(id) from sales')).toEqual([[200, 500]]);
  });

  test('a rebuild refuses segments that were read by other rules, and reads anew when it may', async () => {
    await under({}).run();
    const star = under({ least: 11 });
    await expect(star.run()).rejects.toMatchObject({ code: 'DEFINITION_CHANGED' });
    await expect(star.run({ rebuild: true })).rejects.toMatchObject({
      code: 'SEGMENTS_LACK',
      message: expect.stringContaining('staging_orders.id was read as "id integer required 1"'),
    });
    expect(await star.one('select count(*) from sales')).toBe(120);
    writeFileSync(join(root, '2020-01-02.json'), JSON.stringify(order(300)));
    rmSync(join(root, '2020-01-01.json'));
    await expect(star.run({ rebuild: true, fromSources: true })).rejects.toMatchObject({
      code: 'SEGMENTS_LACK',
      message: expect.stringContaining('this run does not list all of their objects'),
    });
  });

  test('a rebuild takes a rule that only lets more in, and says that a replay is due', async () => {
    const rows = Array.from({ length: 120 }, (_, i) => order(i + 1));
    writeFileSync(join(root, '2020-01-01.json'), rows.map((r) => JSON.stringify(r)).join('\n'));
    await under({ least: 4 }).run();
    const star = under({ least: 2 });
    const { warnings } = await star.run({ rebuild: true });
    expect(warnings).toContainEqual(expect.stringContaining('3 records are in quarantine for id, whose rule changed'));
    expect(await replayRecords(star.options)).toMatchObject({ staged: [{}, {}], failed: [{}] });
    await star.run();
    expect(await star.rows('select count(*), min(id) from sales')).toEqual([[119, 2]]);
  });

  test('a field that is required no more may be missing in what is read anew', async () => {
    writeFileSync(join(root, '2020-01-01.json'), JSON.stringify({ ...order(1), city: 'Ulm' }));
    await under({ cityRequired: true }).run();
    writeFileSync(join(root, '2020-01-02.json'), JSON.stringify(order(2)));
    const star = under({});
    await star.run({ rebuild: true, fromSources: true });
    await star.run();
    expect(await star.rows('select id, city from sales order by id')).toEqual([
      [1, 'Ulm'],
      [2, null],
    ]);
  });
});

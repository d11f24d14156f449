import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { check } from '../../src/pipeline/check.ts';
import { col, read } from '../../src/pipeline/column.ts';
import {
  createTables,
  loadDimension,
  loadFact,
  loadSql,
  publish,
  quality,
  stage,
} from '../../src/pipeline/data-tasks.ts';
import { definePipeline } from '../../src/pipeline/define.ts';
import { call } from '../../src/pipeline/function-tasks.ts';
import { epochMs } from '../../src/pipeline/sql.ts';
import { calendar, dimension, fact, sqlTable, staging } from '../../src/pipeline/tables.ts';
import { chain, together } from '../../src/pipeline/task.ts';
import { engines, type TestWarehouse } from '../warehouse/engines.ts';
import { type EngineRun, engineRun } from './engine-runs.ts';

/** A pipeline of another company, in a schema of its own, with every kind of table. */
const shop = definePipeline({
  name: 'shop',
  schema: 'shop "of" ours',
  params: z.object({ root: z.string(), minimum: z.number().default(0) }),
  define: ({ root, minimum }) => {
    const orders = staging('staging_orders', {
      doc: 'Orders',
      root: join(root, 'orders'),
      template: '{yyyy-MM-dd}.json',
      key: ['order_id'],
      eventTime: 'at',
      winner: [{ sql: 'r.at', descending: true }],
      columns: {
        order_id: read.text({ field: 'id', required: true, doc: 'Order' }),
        at: read.epochMs({ required: true, doc: 'When' }),
        customer: read.text({ doc: 'Who' }),
        amount: read.double({ required: true, min: 0, doc: 'How much' }),
        gift: read.boolean({ doc: 'Is it a gift' }),
      },
    });
    const customers = staging('staging_customers', {
      doc: 'Customers',
      root: join(root, 'customers'),
      key: ['email'],
      winner: [{ sql: 'r.revision', descending: true }],
      columns: {
        email: read.text({ required: true, doc: 'Mail' }),
        city: read.text({ doc: 'City' }),
        country: read.text({ doc: 'Country' }),
        revision: read.integer({ required: true, doc: 'Revision' }),
      },
    });
    const sales = fact('sales', {
      doc: 'Sales',
      from: orders,
      where: `r.amount >= ${minimum}`,
      key: ['order_id'],
      time: 'sold_at',
      lookups: { buyer: { from: customers, on: { email: 'customer' }, orderBy: [{ sql: 'buyer.revision' }] } },
      columns: {
        order_id: col.text({ sql: 'r.order_id', nullable: false, doc: 'Order' }),
        sold_at: col.timestamp({ sql: epochMs('r.at'), nullable: false, doc: 'When' }),
        city: col.text({ sql: 'buyer.city', doc: 'City of the buyer' }),
        amount: col.double({ sql: 'r.amount', nullable: false, doc: 'Amount' }),
        gift: col.boolean({ sql: 'coalesce(r.gift, false)', nullable: false, doc: 'Gift' }),
      },
    });
    const cities = dimension('cities', {
      doc: 'One row a city',
      from: customers,
      where: 'r.city is not null',
      key: ['city'],
      winner: [{ sql: 'r.revision', descending: true }, { sql: 'r.email' }],
      columns: {
        city: col.text({ sql: 'r.city', nullable: false, doc: 'City' }),
        country: col.text({ sql: 'r.country', doc: 'Country as of its newest customer' }),
      },
    });
    const days = calendar('moments', {
      doc: 'Moments',
      of: sales,
      column: 'sold_at',
      key: ['sold_at'],
      columns: {
        sold_at: col.timestamp({ sql: 't.sold_at', nullable: false, doc: 'Moment' }),
        hour: col.smallint({ sql: 'extract(hour from t.sold_at)', nullable: false, doc: 'Hour' }),
      },
    });
    const totals = sqlTable('city_totals', {
      doc: 'Sales by city',
      key: ['city'],
      sql: "select coalesce(s.city, '?') as city, count(*) as orders, sum(s.amount) as amount, max(c.country) as country from sales s left join cities c on c.city = s.city group by 1",
      columns: {
        city: col.text({ sql: 'city', nullable: false, doc: 'City' }),
        orders: col.bigint({ sql: 'orders', nullable: false, doc: 'Orders' }),
        amount: col.double({ sql: 'amount', doc: 'Amount' }),
        country: col.text({ sql: 'country', doc: 'Country' }),
      },
    });
    return {
      stagings: [orders, customers],
      tables: [sales, cities, days, totals],
      checks: [
        check.notNull('sales', ['order_id']),
        check.unique('sales', ['order_id']),
        check.expected('no negative sale', 'select count(*) from sales where amount < 0', 0),
      ],
      tasks: chain(
        createTables(),
        [stage(orders), stage(customers)],
        loadFact(sales),
        together(...[cities, days].map((t) => loadDimension(t))),
        loadSql(totals),
        call('tell', ({ log, idempotencyKey }) => log(idempotencyKey)),
        quality(),
        publish(),
      ),
    };
  },
});

const day = (d: number, h = 0): number => Date.UTC(2020, 0, d, h);
let root: string;
const put = (path: string, rows: readonly object[]): void => {
  mkdirSync(join(root, path, '..'), { recursive: true });
  writeFileSync(join(root, path), rows.map((r) => JSON.stringify(r)).join('\n'));
};

const sums = new Map<string, Readonly<Record<string, string>>>();
describe.each(engines)("a pipeline of one's own on $name", ({ name, open }) => {
  let at: TestWarehouse;
  let star: EngineRun;
  const table = (t: string) => `"shop ""of"" ours".${t}`;

  beforeAll(async () => {
    root = mkdtempSync(join(tmpdir(), 'sparkify-shop-'));
    put('orders/2020-01-01.json', [
      { id: 'a', at: day(1, 1), customer: 'x@x', amount: 10, gift: true },
      { id: 'b', at: day(1, 2), customer: 'y@y', amount: 5.5 },
    ]);
    put('customers/c1.json', [{ email: 'x@x', city: 'Köln', country: 'DE', revision: 1 }]);
    at = await open();
    star = engineRun(at.warehouse, { root }, shop);
  });
  afterAll(async () => {
    await at.dispose();
    rmSync(root, { recursive: true, force: true });
  });

  test('publishes every kind of table into its schema', async () => {
    expect((await star.run()).outcome).toBe('published');
    expect(await star.rows(`select order_id, city, amount, gift from ${table('sales')} order by order_id`)).toEqual([
      ['a', 'Köln', 10, true],
      ['b', null, 5.5, false],
    ]);
    expect(await star.rows(`select city, orders, amount, country from ${table('city_totals')} order by city`)).toEqual([
      ['?', 1, 5.5, null],
      ['Köln', 1, 10, 'DE'],
    ]);
  });

  test('a late customer, a corrected order and a late file change what they touch', async () => {
    put('customers/c2.json', [
      { email: 'y@y', city: 'Köln', country: 'AT', revision: 2 },
      { email: 'x@x', city: 'Graz', country: 'AT', revision: 3 },
    ]);
    put('orders/2020-01-02.json', [
      { id: 'c', at: day(2), customer: 'z@z', amount: 1 },
      { id: 'b', at: day(2, 5), customer: 'y@y', amount: 6 },
    ]);
    const report = await star.run();
    expect(report.deltas.map((d) => [d.table, d.added, d.changed, d.removed])).toEqual([
      ['sales', 1, 2, 0],
      ['cities', 1, 1, 0],
      ['moments', 2, 0, 1],
      ['city_totals', 1, 2, 0],
    ]);
    expect(await star.rows(`select order_id, city, amount from ${table('sales')} order by order_id`)).toEqual([
      ['a', 'Graz', 10],
      ['b', 'Köln', 6],
      ['c', null, 1],
    ]);
    expect(await star.rows(`select city, country from ${table('cities')} order by city`)).toEqual([
      ['Graz', 'AT'],
      ['Köln', 'AT'],
    ]);
    expect(await star.rows(`select city, orders, amount from ${table('city_totals')} order by city`)).toEqual([
      ['?', 1, 1],
      ['Graz', 1, 10],
      ['Köln', 1, 6],
    ]);
  });

  test('a rebuild changes no row, and both engines hold the same', async () => {
    const before = await star.checksums();
    await star.run({ rebuild: true });
    expect(await star.checksums()).toEqual(before);
    sums.set(name, before);
    if (sums.size === engines.length) expect(sums.get('postgres')).toEqual(sums.get('duckdb'));
  });

  test('a changed parameter of the definition is named and refused until a rebuild', async () => {
    const stricter = engineRun(at.warehouse, { root, minimum: 5 }, shop);
    await expect(stricter.run()).rejects.toMatchObject({
      code: 'DEFINITION_CHANGED',
      params: { differences: [expect.stringContaining('amount >= 5')] },
    });
    await stricter.run({ rebuild: true });
    expect(await stricter.one(`select count(*) from ${table('sales')}`)).toBe(2);
  });
});

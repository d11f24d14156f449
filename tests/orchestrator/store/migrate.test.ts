import { describe, expect, test } from 'vitest';
import { readLots } from '../../../src/orchestrator/cells/pending-lots.ts';
import { openEmbedded } from '../../../src/orchestrator/store/embedded/open.ts';
import type { StoreEngine } from '../../../src/orchestrator/store/engine.ts';
import { migrate } from '../../../src/orchestrator/store/migrate.ts';
import { type Migration, migrations } from '../../../src/orchestrator/store/migrations/all.ts';
import { openPostgres } from '../../../src/orchestrator/store/postgres/open.ts';
import type { StoreValue } from '../../../src/orchestrator/store/store.ts';
import { parseStoreUrl } from '../../../src/orchestrator/store/store-url.ts';
import { type Transact, transactOver } from '../../../src/orchestrator/store/transact.ts';
import { eachStore, newStoreUrls, startMs } from '../stores.ts';

const patience = { busyMs: 10_000, lostMs: 1000, firstPauseMs: 1, longestPauseMs: 10, wait: async () => {} };

async function engineOf(url: string): Promise<{ readonly engine: StoreEngine; readonly transact: Transact }> {
  const parsed = parseStoreUrl(url, '.');
  const engine =
    parsed.engine === 'embedded'
      ? openEmbedded(parsed.path, 100)
      : await openPostgres(parsed.url, parsed.schema, {
          env: {},
          cwd: '.',
          patience,
          askCommitMs: 1000,
          statementMs: 60_000,
        });
  return { engine, transact: transactOver(engine, () => startMs, patience) };
}

const addColumn: Migration = ({ integer }) => [
  `alter table pools add column weight ${integer} not null default 1`,
  'update pools set weight = slots',
];
const broken: Migration = () => [
  "insert into pools (name, slots, from_config) values ('half', 1, 0)",
  'select nonsense',
];

eachStore((name) => {
  const newUrl = newStoreUrls(name);

  describe('migrations', () => {
    test('what was pending an object a row is pending in lots', async () => {
      const { engine, transact } = await engineOf(newUrl());
      await migrate(engine, transact, migrations.slice(0, 2));
      const columns =
        'pipeline, staging, uri, name, change, start_ms, end_ms, version, size_bytes, mtime_ms, listed_at_ms';
      const rows: readonly (readonly StoreValue[])[] = [
        ['p', 's', 'u2', String.raw`"n"\ä`, 'new', null, null, null, 2, 22, 5],
        ['p', 's', 'u1', 'n1', 'new', null, null, null, 1, null, 5],
        ['p', 's', 'u3', 'n3', 'changed', 10, 20, 'v"3', 3, null, 5],
        ['q', 't', 'u4', 'n4', 'gone', 10, 20, null, 4, 44, 6],
      ];
      await transact(async ({ connection }) => {
        for (const row of rows)
          await connection.run(
            `insert into pending_objects (${columns}) values (${row.map((_, i) => `$${i + 1}`).join(', ')})`,
            row,
          );
      });
      await migrate(engine, transact);
      const kept = async (pipeline: string) =>
        (await readLots(engine.reader, pipeline))
          .map(({ lot: _, ...lot }) => lot)
          .sort((a, b) => a.versioned - b.versioned);
      const lot = { staging: 's', root: '', listed_at_ms: 5 };
      expect(await kept('p')).toEqual([
        {
          ...lot,
          change: 'new',
          start_ms: null,
          end_ms: null,
          versioned: 0,
          objects: [
            ['u1', null, 1, null, 'n1'],
            ['u2', null, 2, 22, String.raw`"n"\ä`],
          ],
        },
        { ...lot, change: 'changed', start_ms: 10, end_ms: 20, versioned: 1, objects: [['u3', 'v"3', 3, null, 'n3']] },
      ]);
      expect(await kept('q')).toMatchObject([{ staging: 't', change: 'gone', objects: [['u4', null, 4, 44, 'n4']] }]);
      await engine.close();
    });

    test('take a store with its rows forward, once, whoever begins at the same time', async () => {
      const url = newUrl();
      const [old, ...others] = await Promise.all(Array.from({ length: 6 }, () => engineOf(url)));
      await migrate(old!.engine, old!.transact);
      await old!.transact(({ connection }) => connection.run(`insert into pools values ('db', 7, 0)`));
      const steps = [...migrations, addColumn];
      await Promise.all(others.map((each) => migrate(each.engine, each.transact, steps)));
      for (const { engine } of [old!, ...others]) {
        expect(await engine.reader.selectFrom('migrations').selectAll().orderBy('version').execute()).toEqual(
          steps.map((_, i) => ({ version: i + 1, applied_at_ms: startMs })),
        );
        expect(
          await engine.reader
            .selectFrom('pools')
            .select(['name', 'weight' as 'slots'])
            .execute(),
        ).toEqual([{ name: 'db', weight: 7 }]);
      }
      await expect(migrate(old!.engine, old!.transact)).rejects.toMatchObject({
        code: 'STORE_NEWER',
        params: { found: steps.length, known: migrations.length },
      });
      await Promise.all([old!, ...others].map(({ engine }) => engine.close()));
    });

    test('that fail leave nothing of their step, and what came before stands', async () => {
      const { engine, transact } = await engineOf(newUrl());
      await expect(migrate(engine, transact, [...migrations, broken, addColumn])).rejects.toMatchObject({
        code: 'SQL_FAILED',
        remedy: expect.stringContaining('nonsense'),
      });
      expect(await engine.reader.selectFrom('migrations').select('version').execute()).toHaveLength(migrations.length);
      expect(await engine.reader.selectFrom('pools').selectAll().execute()).toEqual([]);
      await migrate(engine, transact, [...migrations, addColumn]);
      expect(await engine.reader.selectFrom('migrations').selectAll().execute()).toHaveLength(migrations.length + 1);
      await engine.close();
    });
  });
});

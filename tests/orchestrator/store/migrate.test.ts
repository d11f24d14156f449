import { describe, expect, test } from 'vitest';
import { openEmbedded } from '../../../src/orchestrator/store/embedded/open.ts';
import type { StoreEngine } from '../../../src/orchestrator/store/engine.ts';
import { migrate } from '../../../src/orchestrator/store/migrate.ts';
import { type Migration, migrations } from '../../../src/orchestrator/store/migrations/all.ts';
import { openPostgres } from '../../../src/orchestrator/store/postgres/open.ts';
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

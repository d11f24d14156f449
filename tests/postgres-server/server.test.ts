import { expect, test } from 'vitest';
import { administer, createTestDatabase } from './database.ts';
import { startPostgresServer } from './server.ts';

test('a server keeps what was committed over a crash, and is gone after its disposal', async () => {
  const server = await startPostgresServer();
  try {
    await administer(server.url('postgres'), 'create table t as select 1 as a');
    await server.restart('immediate');
    await administer(server.url('postgres'), 'insert into t values (2)');
    await server.restart();
    await administer(server.url('postgres'), 'drop table t');
  } finally {
    await server.dispose();
  }
  await expect(administer(server.url('postgres'), 'select 1')).rejects.toThrow();
});

test('databases of tests are apart from each other, and their text does not sort by bytes by itself', async () => {
  const [a, b] = [await createTestDatabase(), await createTestDatabase()];
  await administer(a.url, 'create table t (a int)');
  await expect(administer(b.url, 'select * from t')).rejects.toThrow(/does not exist/);
  // 'a' < 'B' linguistically, not by bytes: this is what finds a forgotten collation.
  await administer(a.url, "do $$ begin assert 'a' < 'B'; end $$");
  await a.drop();
  await b.drop();
});

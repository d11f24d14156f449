import { sql } from 'kysely';
import { isSparkifyError, SparkifyError } from '../../core/errors.ts';
import type { StoreEngine } from './engine.ts';
import { type Migration, migrations } from './migrations/all.ts';
import type { Transact } from './transact.ts';

/**
 * Brings the tables into being, or forward to this version's, one transaction a step. Of several that start at once, one
 * takes a step: its row, inserted first, makes the others wait, and then they find it taken.
 * @throws STORE_NEWER
 */
export async function migrate(
  engine: StoreEngine,
  transact: Transact,
  steps: readonly Migration[] = migrations,
): Promise<void> {
  const known = steps.length;
  let found = await versionOf(engine);
  if (found === known) return;
  if (found === 0)
    await transact(async ({ db }) => {
      for (const statement of engine.beginnings) await sql.raw(statement).execute(db);
    });
  for (; found < known; found++) await take(engine, transact, found + 1, steps[found]!);
  found = await versionOf(engine);
  if (found > known) throw new SparkifyError('STORE_NEWER', { store: engine.url, found, known });
}

async function take(engine: StoreEngine, transact: Transact, version: number, step: Migration): Promise<void> {
  await transact(async ({ db, connection, nowMs }) => {
    const taken = await connection.run(
      'insert into migrations (version, applied_at_ms) values ($1, $2) on conflict do nothing',
      [version, nowMs],
    );
    if (taken === 0) return;
    for (const statement of step(engine.words)) await sql.raw(statement).execute(db);
  });
}

/** 0: there are no tables yet. */
async function versionOf(engine: StoreEngine): Promise<number> {
  try {
    const row = await engine.reader
      .selectFrom('migrations')
      .select((e) => e.fn.max('version').as('version'))
      .executeTakeFirst();
    return row?.version ?? 0;
  } catch (error) {
    if (isSparkifyError(error) && error.code === 'SQL_FAILED' && /no such table|42P01/.test(error.message)) return 0;
    throw error;
  }
}

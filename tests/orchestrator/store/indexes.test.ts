import { type Compilable, sql } from 'kysely';
import { describe, expect, test } from 'vitest';
import type { StoreReader } from '../../../src/orchestrator/store/store.ts';
import { storeOpener } from '../stores.ts';

type Question = string | ((db: StoreReader) => Compilable);

/** Questions that are asked all the time, in SQL or through Kysely, and the index that answers each. */
const questions: readonly (readonly [index: string, question: Question])[] = [
  [
    'tasks_ready',
    `select * from tasks where state = 'ready' and data = 0 and queue = $1 and pool is null and ready_at_ms <= $2
     order by priority, ready_at_ms, id limit 5`,
  ],
  [
    'tasks_ready_in_pool',
    `select * from tasks where state = 'ready' and data = 0 and queue = $1 and pool = $3 and ready_at_ms <= $2
     order by priority, ready_at_ms, id limit 5`,
  ],
  [
    'tasks_ready_data',
    "select * from tasks where run_id in (1, 2) and state = 'ready' and data = 1 and ready_at_ms <= $1",
  ],
  [
    'tasks_ready_age',
    "select * from tasks where state = 'ready' and ready_at_ms <= $1 order by ready_at_ms, id limit 5",
  ],
  [
    'tasks_ready_age',
    `select * from tasks where state = 'ready' and data + 0 = 0 and ready_at_ms <= $1 and queue in ('default', 'other')
       and (pool is null or pool in ('db', 'web')) order by ready_at_ms, id limit 5`,
  ],
  ['tasks_ready_age', (db) => db.selectFrom('tasks').select('id').where('state', '=', 'ready')],
  ['tasks_of_worker', "select id from tasks where state = 'running' and lease_until_ms < $1"],
  [
    'tasks_of_worker',
    (db) => db.selectFrom('tasks').select('id').where('state', '=', 'running').where('worker', '=', 'w'),
  ],
  [
    'tasks_in_pool',
    "select pool, sum(pool_slots) from tasks where state = 'running' and pool is not null group by pool",
  ],
  ['autoindex_tasks', (db) => db.selectFrom('tasks').selectAll().where('run_id', '=', 1)],
  ['attempts_of_run', (db) => db.selectFrom('attempts').selectAll().where('run_id', '=', 1)],
  [
    'runs_by_state',
    `select * from runs where pipeline = $1 and kind = 'scheduled' and state = 'queued'
     order by priority, due_at_ms, id limit 5`,
  ],
  ['runs_by_state', (db) => db.selectFrom('runs').select('id').where('state', 'in', ['queued', 'running'])],
  ['runs_deadline', 'select * from runs where late = 0 and deadline_ms < $1 order by deadline_ms limit 5'],
  ['runs_held', 'select * from runs where holder is not null and holder_until_ms < $1'],
  [
    'runs_interval',
    (db) =>
      db
        .selectFrom('runs')
        .selectAll()
        .where('pipeline', '=', 'p')
        .where('start_ms', '>=', 1)
        .where('start_ms', '<', 2),
  ],
  ['runs_latest', (db) => db.selectFrom('runs').selectAll().where('pipeline', '=', 'p').orderBy('id', 'desc').limit(5)],
  ['runs_backfill', (db) => db.selectFrom('runs').selectAll().where('backfill_id', '=', 1)],
  [
    'runs_finished',
    (db) => db.selectFrom('runs').select('id').where('finished_at_ms', '<', 1).orderBy('finished_at_ms'),
  ],
  [
    'backfill_cells_next',
    (db) =>
      db
        .selectFrom('backfill_cells')
        .selectAll()
        .where('backfill_id', '=', 1)
        .where('state', '=', 'planned')
        .orderBy('position')
        .limit(5),
  ],
  ['backfill_cells_of_run', (db) => db.selectFrom('backfill_cells').selectAll().where('run_id', '=', 1)],
  ['backfills_by_state', (db) => db.selectFrom('backfills').selectAll().where('state', 'in', ['running', 'paused'])],
  ['cells_of_run', (db) => db.selectFrom('cells').selectAll().where('run_id', '=', 1)],
  [
    'events_of_run',
    (db) => db.selectFrom('events').selectAll().where('run_id', '=', 1).where('seq', '>', 1).orderBy('seq'),
  ],
  [
    'events_of_pipeline',
    (db) => db.selectFrom('events').selectAll().where('pipeline', '=', 'p').where('seq', '>', 1).orderBy('seq'),
  ],
  [
    'deliveries_due',
    (db) => db.selectFrom('deliveries').selectAll().where('state', '=', 'pending').where('next_at_ms', '<=', 1),
  ],
  ['idempotency_age', (db) => db.deleteFrom('idempotency').where('created_at_ms', '<', 1)],
];

describe('indexes of PostgreSQL', () => {
  const open = storeOpener('postgres');
  test('give what is claimed in its order, also by plans that were made before there was anything', async () => {
    const { store } = await open();
    for (const [index, question] of questions) {
      if (typeof question !== 'string' || !question.includes('order by') || !question.includes("'ready'")) continue;
      const values = [1, 2, 3].filter((n) => question.includes(`$${n}`)).map((n) => (n === 2 ? 1 : 'x'));
      if (!question.includes('queue = $1')) values[0] = 1;
      const plan = await store.write((tx) =>
        tx.all<Record<string, string>>(`explain ${question} for update skip locked`, values),
      );
      const text = plan.map((row) => Object.values(row).join()).join('\n');
      expect(text, question).toContain(`Index Scan using ${index}`);
      expect(text, question).not.toContain('Sort');
    }
  });
});

describe('indexes', () => {
  const open = storeOpener('sqlite');
  test('answer what is asked all the time, in its order', async () => {
    const { store } = await open();
    const plans: string[] = [];
    for (const [, question] of questions) {
      const text = typeof question === 'string' ? question : question(store.db).compile().sql;
      const { rows } = await sql<{
        detail: string;
      }>`explain query plan ${sql.raw(text.replaceAll(/[$]\d/g, '?'))}`.execute(store.db);
      plans.push(rows.map((row) => row.detail).join('; '));
    }
    for (const [i, [index]] of questions.entries()) {
      expect(plans[i], JSON.stringify(questions[i])).toContain(index);
      expect(plans[i]).not.toContain('TEMP B-TREE FOR ORDER BY');
    }
  });
});

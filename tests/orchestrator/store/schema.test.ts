import { sql } from 'kysely';
import { expect, test } from 'vitest';
import {
  type AttemptState,
  type BackfillCellState,
  backfillTransitions,
  runTransitions,
  taskTransitions,
} from '../../../src/orchestrator/model/states.ts';
import type {
  BackfillRow,
  CellRow,
  DeliveryRow,
  PendingLotRow,
  PipelineRow,
  RunRow,
  StoreTables,
  WorkerRow,
} from '../../../src/orchestrator/store/tables.ts';
import { eachStore, type OpenTestStore } from '../stores.ts';

/** What tables.ts says of a column; the compiler holds this list and tables.ts equal. */
type Kind<T> = [Exclude<T, null>] extends [number | { __select__: number }]
  ? null extends T
    ? 'integer?'
    : 'integer'
  : null extends T
    ? 'text?'
    : 'text';
type Declared = {
  readonly [T in keyof StoreTables]: { readonly [C in keyof StoreTables[T]]: Kind<StoreTables[T][C]> };
};
const declared: Declared = {
  migrations: {
    version: 'integer',
    applied_at_ms: 'integer',
  },
  commits: {
    connection: 'text',
    mark: 'integer',
    at_ms: 'integer',
  },
  pipelines: {
    name: 'text',
    version: 'text',
    semantic_version: 'text',
    state: 'text',
    error_json: 'text?',
    paused: 'integer',
    scheduled_to_ms: 'integer?',
    coverage_json: 'text?',
    coverage_epoch: 'integer?',
    coverage_definition: 'text?',
    coverage_at_ms: 'integer?',
    updated_at_ms: 'integer',
  },
  pipeline_versions: {
    pipeline: 'text',
    version: 'text',
    semantic_version: 'text',
    graph_json: 'text',
    created_at_ms: 'integer',
  },
  runs: {
    id: 'integer',
    pipeline: 'text',
    version: 'text',
    kind: 'text',
    backfill_id: 'integer?',
    start_ms: 'integer',
    end_ms: 'integer',
    state: 'text',
    priority: 'integer',
    request_json: 'text',
    due_at_ms: 'integer',
    created_at_ms: 'integer',
    started_at_ms: 'integer?',
    finished_at_ms: 'integer?',
    deadline_ms: 'integer?',
    late: 'integer',
    unfinished: 'integer',
    failures: 'integer',
    holder: 'text?',
    holder_until_ms: 'integer?',
    error_json: 'text?',
    report_json: 'text?',
    requested_by: 'text',
  },
  run_cells: {
    run_id: 'integer',
    start_ms: 'integer',
    end_ms: 'integer',
  },
  tasks: {
    id: 'integer',
    run_id: 'integer',
    pipeline: 'text',
    task: 'text',
    map_index: 'integer',
    state: 'text',
    priority: 'integer',
    queue: 'text',
    pool: 'text?',
    pool_slots: 'integer',
    data: 'integer',
    ready_at_ms: 'integer',
    blockers: 'integer',
    blockers_failed: 'integer',
    blockers_skipped: 'integer',
    attempt: 'integer',
    failures: 'integer',
    crashes: 'integer',
    looks: 'integer',
    first_look_ms: 'integer?',
    past_ms: 'integer?',
    worker: 'text?',
    lease_until_ms: 'integer?',
    input_json: 'text?',
    output_json: 'text?',
    error_json: 'text?',
    detail: 'text?',
    marked_by: 'text?',
    started_at_ms: 'integer?',
    finished_at_ms: 'integer?',
  },
  attempts: {
    task_id: 'integer',
    attempt: 'integer',
    run_id: 'integer',
    worker: 'text',
    state: 'text',
    started_at_ms: 'integer',
    finished_at_ms: 'integer?',
    error_json: 'text?',
  },
  cells: {
    pipeline: 'text',
    task: 'text',
    start_ms: 'integer',
    end_ms: 'integer',
    state: 'text',
    run_id: 'integer',
    semantic_version: 'text',
    at_ms: 'integer',
    reason: 'text?',
  },
  backfills: {
    id: 'integer',
    pipeline: 'text',
    version: 'text',
    start_ms: 'integer',
    end_ms: 'integer',
    scope: 'text',
    tasks_json: 'text?',
    newest_first: 'integer',
    max_active: 'integer',
    priority: 'integer',
    state: 'text',
    request_json: 'text',
    created_at_ms: 'integer',
    finished_at_ms: 'integer?',
    requested_by: 'text',
    error_json: 'text?',
  },
  backfill_cells: {
    backfill_id: 'integer',
    start_ms: 'integer',
    end_ms: 'integer',
    position: 'integer',
    state: 'text',
    run_id: 'integer?',
    reason: 'text?',
  },
  pools: {
    name: 'text',
    slots: 'integer',
    from_config: 'integer',
  },
  events: {
    seq: 'integer',
    at_ms: 'integer',
    type: 'text',
    pipeline: 'text?',
    run_id: 'integer?',
    task_id: 'integer?',
    body_json: 'text',
  },
  workers: {
    id: 'text',
    kind: 'text',
    host: 'text',
    pid: 'integer',
    identity_json: 'text?',
    queues_json: 'text',
    slots: 'integer',
    started_at_ms: 'integer',
    heartbeat_at_ms: 'integer',
  },
  listings: {
    pipeline: 'text',
    staging: 'text',
    whole_at_ms: 'integer?',
    listed_at_ms: 'integer',
    start_ms: 'integer?',
    end_ms: 'integer?',
    objects: 'integer',
    error_json: 'text?',
  },
  pending_lots: {
    lot: 'integer',
    pipeline: 'text',
    staging: 'text',
    root: 'text',
    change: 'text',
    start_ms: 'integer?',
    end_ms: 'integer?',
    listed_at_ms: 'integer',
    versioned: 'integer',
    objects_json: 'text',
  },
  deliveries: {
    key: 'text',
    target: 'text',
    body_json: 'text',
    state: 'text',
    tries: 'integer',
    next_at_ms: 'integer',
    created_at_ms: 'integer',
    sent_at_ms: 'integer?',
    error: 'text?',
  },
  cursors: {
    name: 'text',
    seq: 'integer',
  },
  idempotency: {
    key: 'text',
    request: 'text',
    status: 'integer',
    body_json: 'text',
    created_at_ms: 'integer',
  },
  tokens: {
    id: 'text',
    name: 'text',
    hash: 'text',
    scopes_json: 'text',
    created_at_ms: 'integer',
    last_used_at_ms: 'integer?',
    revoked_at_ms: 'integer?',
  },
};

/** Columns with their kinds as the engine has them. */
const readColumns = {
  sqlite: sql<LiveColumn>`
    select t.name as table_name, c.name as column_name, lower(c.type) as type, c."notnull" = 0 as nullable
    from sqlite_schema t join pragma_table_info(t.name) c where t.type = 'table' and t.name not like 'sqlite_%'`,
  postgres: sql<LiveColumn>`
    select table_name, column_name, case data_type when 'bigint' then 'integer' else data_type end as type, is_nullable = 'YES' as nullable
    from information_schema.columns where table_schema = current_schema()`,
};

interface LiveColumn {
  readonly table_name: string;
  readonly column_name: string;
  readonly type: string;
  readonly nullable: number;
}

async function liveSchema(engine: keyof typeof readColumns, open: OpenTestStore): Promise<unknown> {
  const { store } = await open();
  const live: Record<string, Record<string, string>> = {};
  for (const row of (await readColumns[engine].execute(store.db)).rows) {
    live[row.table_name] ??= {};
    live[row.table_name]![row.column_name] = row.nullable === 1 ? `${row.type}?` : row.type;
  }
  return live;
}

/** What the code may write into a column is what the tables take. */
const words: readonly (readonly [table: string, column: string, words: readonly string[]])[] = [
  ['runs', 'state', Object.keys(runTransitions)],
  ['tasks', 'state', Object.keys(taskTransitions)],
  ['backfills', 'state', Object.keys(backfillTransitions)],
  ['attempts', 'state', wordsOf<AttemptState>({ running: 0, succeeded: 0, failed: 0, crashed: 0, cancelled: 0 })],
  [
    'backfill_cells',
    'state',
    wordsOf<BackfillCellState>({ planned: 0, running: 0, succeeded: 0, failed: 0, cancelled: 0 }),
  ],
  ['cells', 'state', wordsOf<CellRow['state']>({ succeeded: 0, failed: 0, skipped: 0, running: 0, cancelled: 0 })],
  ['pipelines', 'state', wordsOf<PipelineRow['state']>({ active: 0, broken: 0, gone: 0 })],
  ['runs', 'kind', wordsOf<RunRow['kind']>({ scheduled: 0, manual: 0, backfill: 0 })],
  ['backfills', 'scope', wordsOf<BackfillRow['scope']>({ open: 0, missing: 0, failed: 0, stale: 0, all: 0 })],
  ['workers', 'kind', wordsOf<WorkerRow['kind']>({ up: 0, worker: 0, command: 0 })],
  ['deliveries', 'state', wordsOf<DeliveryRow['state']>({ pending: 0, sent: 0, failed: 0 })],
  ['pending_lots', 'change', wordsOf<PendingLotRow['change']>({ new: 0, changed: 0, gone: 0 })],
];

/** All words of a union: the compiler wants each of them, and no other. */
function wordsOf<W extends string>(record: Readonly<Record<W, 0>>): readonly string[] {
  return Object.keys(record);
}

eachStore((engine, open) => {
  test.each(words)('%s.%s takes the words of the code, and no others', async (table, column, known) => {
    const { store } = await open();
    const { rows } = await (engine === 'sqlite'
      ? sql<{ definition: string }>`select sql as definition from sqlite_schema where name = ${table}`
      : sql<{ definition: string }>`
          select pg_get_constraintdef(oid) as definition from pg_constraint
          where contype = 'c' and conrelid = ${table}::regclass and pg_get_constraintdef(oid) like ${`%(${column} =%`}`
    ).execute(store.db);
    const list = new RegExp(`check \\(+${column} (?:in|= any) ?\\(+(.*?)\\)`, 'is').exec(rows[0]!.definition)![1]!;
    expect([...list.matchAll(/'(\w+)'/g)].map((match) => match[1]).sort()).toEqual([...known].sort());
  });

  test('the tables are those of tables.ts: names, columns, types, what may be null', async () => {
    expect(await liveSchema(engine, open)).toEqual(declared);
  });
});

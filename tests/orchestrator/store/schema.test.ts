import { sql } from 'kysely';
import { expect, test } from 'vitest';
import type { StoreTables } from '../../../src/orchestrator/store/tables.ts';
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
  pending_objects: {
    pipeline: 'text',
    staging: 'text',
    uri: 'text',
    name: 'text',
    change: 'text',
    start_ms: 'integer?',
    end_ms: 'integer?',
    version: 'text?',
    size_bytes: 'integer',
    mtime_ms: 'integer?',
    listed_at_ms: 'integer',
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

eachStore((engine, open) => {
  test('the tables are those of tables.ts: names, columns, types, what may be null', async () => {
    expect(await liveSchema(engine, open)).toEqual(declared);
  });
});

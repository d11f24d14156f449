import type { SchemaWords } from '../engine.ts';

/** The tables of tables.ts, and what keeps their questions quick however much is in them. */
export function first({ id, integer, text, table, keyed, busy }: SchemaWords): readonly string[] {
  return [
    // Pipelines
    `create table pipelines (
      name ${text} not null primary key,
      version ${text} not null,
      semantic_version ${text} not null,
      state ${text} not null check (state in ('active', 'broken', 'gone')),
      error_json ${text},
      paused ${integer} not null,
      scheduled_to_ms ${integer},
      coverage_json ${text},
      coverage_epoch ${integer},
      coverage_definition ${text},
      coverage_at_ms ${integer},
      updated_at_ms ${integer} not null
    ) ${keyed}`,
    `create table pipeline_versions (
      pipeline ${text} not null,
      version ${text} not null,
      semantic_version ${text} not null,
      graph_json ${text} not null,
      created_at_ms ${integer} not null,
      primary key (pipeline, version)
    ) ${keyed}`,

    // Runs
    `create table runs (
      id ${id},
      pipeline ${text} not null,
      version ${text} not null,
      kind ${text} not null check (kind in ('scheduled', 'manual', 'backfill')),
      backfill_id ${integer},
      start_ms ${integer} not null,
      end_ms ${integer} not null,
      state ${text} not null check (state in ('queued', 'running', 'cancelling', 'succeeded', 'failed', 'cancelled')),
      priority ${integer} not null,
      request_json ${text} not null,
      due_at_ms ${integer} not null,
      created_at_ms ${integer} not null,
      started_at_ms ${integer},
      finished_at_ms ${integer},
      deadline_ms ${integer},
      late ${integer} not null,
      unfinished ${integer} not null,
      failures ${integer} not null,
      holder ${text},
      holder_until_ms ${integer},
      error_json ${text},
      report_json ${text},
      requested_by ${text} not null,
      check (start_ms < end_ms)
    ) ${busy}`,
    // Two schedulers may see the same interval due; one of them makes its run.
    `create unique index runs_scheduled on runs (pipeline, start_ms, end_ms) where kind = 'scheduled'`,
    'create index runs_interval on runs (pipeline, start_ms, end_ms)',
    'create index runs_latest on runs (pipeline, id)',
    'create index runs_end on runs (pipeline, end_ms)',
    // Also of what has ended, so that it answers for any state and number of states.
    'create index runs_by_state on runs (state, pipeline, kind, priority, due_at_ms, id)',
    'create index runs_deadline on runs (late, deadline_ms) where deadline_ms is not null',
    'create index runs_held on runs (holder_until_ms) where holder is not null',
    'create index runs_backfill on runs (backfill_id, id) where backfill_id is not null',
    'create index runs_finished on runs (finished_at_ms, id) where finished_at_ms is not null',
    `create table run_cells (
      run_id ${integer} not null references runs (id) on delete cascade,
      start_ms ${integer} not null,
      end_ms ${integer} not null,
      primary key (run_id, start_ms)
    ) ${keyed}`,

    // Tasks
    `create table tasks (
      id ${id},
      run_id ${integer} not null references runs (id) on delete cascade,
      pipeline ${text} not null,
      task ${text} not null,
      map_index ${integer} not null,
      state ${text} not null check (state in ('waiting', 'ready', 'running', 'expanded', 'succeeded', 'failed', 'skipped', 'upstream_failed', 'cancelled')),
      priority ${integer} not null,
      queue ${text} not null,
      pool ${text},
      pool_slots ${integer} not null,
      data ${integer} not null,
      ready_at_ms ${integer} not null,
      blockers ${integer} not null,
      blockers_failed ${integer} not null,
      blockers_skipped ${integer} not null,
      attempt ${integer} not null,
      failures ${integer} not null,
      crashes ${integer} not null,
      looks ${integer} not null,
      first_look_ms ${integer},
      past_ms ${integer},
      worker ${text},
      lease_until_ms ${integer},
      input_json ${text},
      output_json ${text},
      error_json ${text},
      detail ${text},
      marked_by ${text},
      started_at_ms ${integer},
      finished_at_ms ${integer},
      unique (run_id, task, map_index)
    ) ${busy}`,
    // What may be claimed, most urgent first: holds only what is ready, so its size is that of the work at hand. A pool that is
    // full, or a queue of others, is not even looked at; tasks on the warehouse are found by the run that is held.
    // PostgreSQL sorts after `pool is null`, so what is in no pool has an index of its own.
    `create index tasks_ready on tasks (queue, priority, ready_at_ms, id) where state = 'ready' and data = 0 and pool is null`,
    `create index tasks_ready_in_pool on tasks (queue, pool, priority, ready_at_ms, id) where state = 'ready' and data = 0 and pool is not null`,
    `create index tasks_ready_data on tasks (run_id, priority, ready_at_ms, id) where state = 'ready' and data = 1`,
    `create index tasks_ready_age on tasks (ready_at_ms, id) where state = 'ready'`,
    `create index tasks_leased on tasks (lease_until_ms) where state = 'running'`,
    `create index tasks_of_worker on tasks (worker) where state = 'running'`,
    `create index tasks_in_pool on tasks (pool) where state = 'running' and pool is not null`,
    `create index tasks_past on tasks (pipeline, task, past_ms) where past_ms is not null and state = 'waiting'`,
    `create table attempts (
      task_id ${integer} not null references tasks (id) on delete cascade,
      attempt ${integer} not null,
      run_id ${integer} not null,
      worker ${text} not null,
      state ${text} not null check (state in ('running', 'succeeded', 'failed', 'crashed', 'cancelled')),
      started_at_ms ${integer} not null,
      finished_at_ms ${integer},
      error_json ${text},
      primary key (task_id, attempt)
    ) ${keyed}`,
    'create index attempts_of_run on attempts (run_id)',

    // Cells and backfills
    `create table cells (
      pipeline ${text} not null,
      task ${text} not null,
      start_ms ${integer} not null,
      end_ms ${integer} not null,
      state ${text} not null check (state in ('succeeded', 'failed', 'skipped', 'running', 'cancelled')),
      run_id ${integer} not null,
      semantic_version ${text} not null,
      at_ms ${integer} not null,
      reason ${text},
      primary key (pipeline, task, start_ms, end_ms)
    ) ${keyed}`,
    'create index cells_by_time on cells (pipeline, start_ms)',
    'create index cells_of_run on cells (run_id)',
    `create table backfills (
      id ${id},
      pipeline ${text} not null,
      version ${text} not null,
      start_ms ${integer} not null,
      end_ms ${integer} not null,
      scope ${text} not null check (scope in ('open', 'missing', 'failed', 'stale', 'all')),
      tasks_json ${text},
      newest_first ${integer} not null,
      max_active ${integer} not null,
      priority ${integer} not null,
      state ${text} not null check (state in ('running', 'paused', 'cancelling', 'succeeded', 'failed', 'cancelled')),
      request_json ${text} not null,
      created_at_ms ${integer} not null,
      finished_at_ms ${integer},
      requested_by ${text} not null,
      error_json ${text}
    ) ${table}`,
    'create index backfills_by_state on backfills (state, pipeline, priority, id)',
    'create index backfills_latest on backfills (pipeline, id)',
    `create table backfill_cells (
      backfill_id ${integer} not null references backfills (id) on delete cascade,
      start_ms ${integer} not null,
      end_ms ${integer} not null,
      position ${integer} not null,
      state ${text} not null check (state in ('planned', 'running', 'succeeded', 'failed', 'cancelled')),
      run_id ${integer},
      reason ${text},
      primary key (backfill_id, start_ms)
    ) ${keyed}`,
    'create index backfill_cells_next on backfill_cells (backfill_id, state, position)',
    'create index backfill_cells_of_run on backfill_cells (run_id) where run_id is not null',

    // Workers
    `create table pools (
      name ${text} not null primary key,
      slots ${integer} not null check (slots > 0),
      from_config ${integer} not null
    ) ${keyed}`,
    `create table workers (
      id ${text} not null primary key,
      kind ${text} not null check (kind in ('up', 'worker', 'command')),
      host ${text} not null,
      pid ${integer} not null,
      identity_json ${text},
      queues_json ${text} not null,
      slots ${integer} not null,
      started_at_ms ${integer} not null,
      heartbeat_at_ms ${integer} not null
    ) ${keyed}`,

    // Events: refer to nothing, so that their insertion, the last statement of a transaction, waits for nothing but its turn.
    `create table events (
      seq ${id},
      at_ms ${integer} not null,
      type ${text} not null,
      pipeline ${text},
      run_id ${integer},
      task_id ${integer},
      body_json ${text} not null
    ) ${table}`,
    'create index events_of_run on events (run_id, seq) where run_id is not null',
    'create index events_of_pipeline on events (pipeline, seq) where pipeline is not null',
    `create table deliveries (
      key ${text} not null primary key,
      target ${text} not null,
      body_json ${text} not null,
      state ${text} not null check (state in ('pending', 'sent', 'failed')),
      tries ${integer} not null,
      next_at_ms ${integer} not null,
      created_at_ms ${integer} not null,
      sent_at_ms ${integer},
      error ${text}
    ) ${keyed}`,
    `create index deliveries_due on deliveries (next_at_ms) where state = 'pending'`,
    `create table cursors (
      name ${text} not null primary key,
      seq ${integer} not null
    ) ${keyed}`,

    // What the sources have, as last seen
    `create table listings (
      pipeline ${text} not null,
      staging ${text} not null,
      whole_at_ms ${integer},
      listed_at_ms ${integer} not null,
      start_ms ${integer},
      end_ms ${integer},
      objects ${integer} not null,
      error_json ${text},
      primary key (pipeline, staging)
    ) ${keyed}`,
    `create table pending_objects (
      pipeline ${text} not null,
      staging ${text} not null,
      uri ${text} not null,
      name ${text} not null,
      change ${text} not null check (change in ('new', 'changed', 'gone')),
      start_ms ${integer},
      end_ms ${integer},
      version ${text},
      size_bytes ${integer} not null,
      mtime_ms ${integer},
      listed_at_ms ${integer} not null,
      primary key (pipeline, staging, uri)
    ) ${keyed}`,

    // The API
    `create table idempotency (
      key ${text} not null primary key,
      request ${text} not null,
      status ${integer} not null,
      body_json ${text} not null,
      created_at_ms ${integer} not null
    ) ${keyed}`,
    'create index idempotency_age on idempotency (created_at_ms)',
    `create table tokens (
      id ${text} not null primary key,
      name ${text} not null,
      hash ${text} not null unique,
      scopes_json ${text} not null,
      created_at_ms ${integer} not null,
      last_used_at_ms ${integer},
      revoked_at_ms ${integer}
    ) ${keyed}`,
  ];
}

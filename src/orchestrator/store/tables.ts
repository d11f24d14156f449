/**
 * The store's tables as Kysely sees them; the migrations make them. Times are epoch milliseconds UTC, `…_json` holds
 * JSON text, flags are 0 or 1: the same on SQLite and PostgreSQL.
 */
import type { Generated, Selectable } from 'kysely';
import type { AttemptState, BackfillCellState, BackfillState, RunState, TaskState } from '../model/states.ts';

export interface StoreTables {
  migrations: MigrationRow;
  commits: CommitRow;
  pipelines: PipelineRow;
  pipeline_versions: PipelineVersionRow;
  runs: RunRow;
  run_cells: RunCellRow;
  tasks: TaskRow;
  attempts: AttemptRow;
  cells: CellRow;
  backfills: BackfillRow;
  backfill_cells: BackfillCellRow;
  pools: PoolRow;
  events: EventRow;
  workers: WorkerRow;
  listings: ListingRow;
  pending_lots: PendingLotRow;
  deliveries: DeliveryRow;
  cursors: CursorRow;
  idempotency: IdempotencyRow;
  tokens: TokenRow;
}

export interface MigrationRow {
  version: number;
  applied_at_ms: number;
}

/** The last writing transaction of each connection to a server, by which it is known whether a commit whose answer was lost was made. Key: connection. */
export interface CommitRow {
  connection: string;
  /** Never twice on one connection. */
  mark: number;
  at_ms: number;
}

/** One row per pipeline the project has or had. Key: name. */
export interface PipelineRow {
  name: string;
  /** Hash of everything (schedule, retries, graph): the orchestration version in force. */
  version: string;
  /** Hash of D: what the star depends on. */
  semantic_version: string;
  /** broken: its definition throws on load; gone: the project has it no more. */
  state: 'active' | 'broken' | 'gone';
  error_json: string | null;
  paused: number;
  /** Scheduled intervals that end at or before this are created or passed over for good. */
  scheduled_to_ms: number | null;
  /** C and D as last read from the warehouse's ledger, for `plan` and `status`; never decides what is loaded. */
  coverage_json: string | null;
  coverage_epoch: number | null;
  coverage_definition: string | null;
  coverage_at_ms: number | null;
  updated_at_ms: number;
}

/** What a version of a pipeline looks like; runs refer to the one they began with. Key: (pipeline, version). */
export interface PipelineVersionRow {
  pipeline: string;
  version: string;
  semantic_version: string;
  /** A `PipelineGraph` (pipeline/graph.ts). */
  graph_json: string;
  created_at_ms: number;
}

/** Key: id. Unique: (pipeline, start_ms, end_ms) among kind 'scheduled'. */
export interface RunRow {
  id: Generated<number>;
  pipeline: string;
  version: string;
  kind: 'scheduled' | 'manual' | 'backfill';
  backfill_id: number | null;
  start_ms: number;
  end_ms: number;
  state: RunState;
  /** Smaller goes first: 0 a person waits for it, 10 the schedule, 20 a backfill. */
  priority: number;
  /** A `RunRequest` (model/run-request.ts): parameters, selection of tasks, rebuild, dry run, … */
  request_json: string;
  /** When its schedule wanted it to start; for others when it was asked for. */
  due_at_ms: number;
  created_at_ms: number;
  started_at_ms: number | null;
  finished_at_ms: number | null;
  /** When it counts as late; null without a deadline. */
  deadline_ms: number | null;
  /** Whether lateness was told. */
  late: number;
  /** Task instances that have not ended. */
  unfinished: number;
  /** Task instances that failed (also upstream_failed). */
  failures: number;
  /** The worker that holds the warehouse for this run, and until when; data tasks are claimed by it alone. */
  holder: string | null;
  holder_until_ms: number | null;
  /** Why it ended so, or what a person asked: {code, message, remedy}. */
  error_json: string | null;
  /** How the publish ended: 'published' | 'nothing-new' | 'dry-run' | 'partial', with epoch and rows. */
  report_json: string | null;
  requested_by: string;
}

/** The cells of a run that covers several. Key: (run_id, start_ms). */
export interface RunCellRow {
  run_id: number;
  start_ms: number;
  end_ms: number;
}

/** A task instance: a task of a run, or one element of a mapped task. Key: id. Unique: (run_id, task, map_index). */
export interface TaskRow {
  id: Generated<number>;
  run_id: number;
  pipeline: string;
  task: string;
  /** −1: the task itself. */
  map_index: number;
  state: TaskState;
  /** Copied from the run and the task so that a claim reads one table. Smaller goes first. */
  priority: number;
  queue: string;
  pool: string | null;
  pool_slots: number;
  /** 1: works on the warehouse, claimed only by the run's holder. */
  data: number;
  /** Not claimed before. */
  ready_at_ms: number;
  /** Tasks before it that have not ended, that failed, that were skipped; of an expanded task: its elements. */
  blockers: number;
  blockers_failed: number;
  blockers_skipped: number;
  /**
   * Attempts begun (1 for the first; never lowered or used twice, so it fences), failures of its own since it was last
   * asked for, crashes, looks of a sensor that saw nothing.
   */
  attempt: number;
  failures: number;
  crashes: number;
  looks: number;
  /** When a sensor looked for the first time; its timeout counts from here. */
  first_look_ms: number | null;
  /**
   * Depends on its past: waits (one more blocker) for the same task in a run of the pipeline whose interval holds the
   * moment before this one. Null: it does not, or that was done.
   */
  past_ms: number | null;
  worker: string | null;
  lease_until_ms: number | null;
  /** Input of a mapped instance; what it gave to later tasks. */
  input_json: string | null;
  output_json: string | null;
  error_json: string | null;
  /** One line for people: what it did, or what it waits for. */
  detail: string | null;
  /** Set by a person (mark-success, skip), with who. */
  marked_by: string | null;
  /** Of the latest attempt. */
  started_at_ms: number | null;
  finished_at_ms: number | null;
}

/** Rows as they are read. */
export type StoredRun = Selectable<RunRow>;
export type TaskInstance = Selectable<TaskRow>;

/** Key: (task_id, attempt). Append-only, but for looks that saw nothing and what was given back unharmed. */
export interface AttemptRow {
  task_id: number;
  attempt: number;
  run_id: number;
  worker: string;
  state: AttemptState;
  started_at_ms: number;
  finished_at_ms: number | null;
  error_json: string | null;
}

/** The latest outcome of task × interval; stays when its run is removed. Key: (pipeline, task, start_ms, end_ms). */
export interface CellRow {
  pipeline: string;
  task: string;
  start_ms: number;
  end_ms: number;
  state: 'succeeded' | 'failed' | 'skipped' | 'running' | 'cancelled';
  run_id: number;
  semantic_version: string;
  at_ms: number;
  reason: string | null;
}

export interface BackfillRow {
  id: Generated<number>;
  pipeline: string;
  version: string;
  start_ms: number;
  end_ms: number;
  /** open: whatever was not done. */
  scope: 'open' | 'missing' | 'failed' | 'stale' | 'all';
  tasks_json: string | null;
  newest_first: number;
  max_active: number;
  priority: number;
  state: BackfillState;
  request_json: string;
  created_at_ms: number;
  finished_at_ms: number | null;
  requested_by: string;
  error_json: string | null;
}

/** The frozen plan of a backfill. Key: (backfill_id, start_ms). */
export interface BackfillCellRow {
  backfill_id: number;
  start_ms: number;
  end_ms: number;
  /** In which order; cells of one coalesced run share it. */
  position: number;
  state: BackfillCellState;
  run_id: number | null;
  reason: string | null;
}

export interface PoolRow {
  name: string;
  slots: number;
  /** From the project's configuration, else set by command. */
  from_config: number;
}

/** Key: seq, in the order of commits. */
export interface EventRow {
  seq: Generated<number>;
  at_ms: number;
  type: string;
  pipeline: string | null;
  run_id: number | null;
  task_id: number | null;
  /** The whole event (events/event.ts) without seq and at. */
  body_json: string;
}

export interface WorkerRow {
  id: string;
  kind: 'up' | 'worker' | 'command';
  host: string;
  pid: number;
  /** A `ProcessIdentity` (node/process-identity.ts): whether it lives can then be seen by its neighbours. */
  identity_json: string | null;
  queues_json: string;
  slots: number;
  started_at_ms: number;
  heartbeat_at_ms: number;
}

/** The last looks at a staging's source. Key: (pipeline, staging). */
export interface ListingRow {
  pipeline: string;
  staging: string;
  /** When it was last listed whole; null: never. */
  whole_at_ms: number | null;
  /** The last look, at the whole or at the keys of `[start_ms, end_ms)`, which are null for the whole. */
  listed_at_ms: number;
  start_ms: number | null;
  end_ms: number | null;
  /** That it showed. */
  objects: number;
  /** Null: worked; else why the listing failed. */
  error_json: string | null;
}

/** Listed object versions that are not in V, which make cells stale: those that are alike, in lots. A lot is never changed, only replaced. */
export interface PendingLotRow {
  lot: Generated<number>;
  pipeline: string;
  staging: string;
  /** Of the objects' URIs, with a final `/`. */
  root: string;
  /** gone: of V and no longer listed; it makes nothing stale. */
  change: 'new' | 'changed' | 'gone';
  /** The period of the objects' key by its template, and of the versions they replace; null: they touch all. */
  start_ms: number | null;
  end_ms: number | null;
  /** When these versions were first seen. */
  listed_at_ms: number;
  /** Whether the objects have versions before they are read. */
  versioned: number;
  /** The objects, as `LotObject` of cells/pending-lots.ts. */
  objects_json: string;
}

/** An alert that was sent, or shall be. Key: key (such as `run-failed:42:1`). */
export interface DeliveryRow {
  key: string;
  target: string;
  body_json: string;
  state: 'pending' | 'sent' | 'failed';
  tries: number;
  next_at_ms: number;
  created_at_ms: number;
  sent_at_ms: number | null;
  error: string | null;
}

/**
 * How far a reader of events has come (`alerts`), and pipelines that are in alarm (`alarm:NAME`: the event that began
 * it). Key: name.
 */
export interface CursorRow {
  name: string;
  seq: number;
}

export interface IdempotencyRow {
  key: string;
  /** Hash of method, path and body. */
  request: string;
  status: number;
  body_json: string;
  created_at_ms: number;
}

export interface TokenRow {
  id: string;
  name: string;
  /** SHA-256 of the token. */
  hash: string;
  scopes_json: string;
  created_at_ms: number;
  last_used_at_ms: number | null;
  revoked_at_ms: number | null;
}

/**
 * What happens, as one union: written in the transaction that makes it so, read by everything that shows anything (CLI,
 * API, SSE, alerts). `seq` and `at` are added by the store.
 */
interface OfRun {
  readonly pipeline: string;
  readonly runId: number;
}

interface OfTask extends OfRun {
  readonly taskId: number;
  readonly task: string;
  readonly mapIndex: number;
}

interface Failure {
  readonly code: string;
  readonly message: string;
}

export type StoreEvent =
  | (OfRun & { readonly type: 'run.created'; readonly kind: string; readonly startMs: number; readonly endMs: number })
  | (OfRun & { readonly type: 'run.started' })
  | (OfRun & { readonly type: 'run.succeeded'; readonly durationMs: number; readonly outcome: string | undefined })
  | (OfRun & { readonly type: 'run.failed'; readonly durationMs: number; readonly error: Failure | undefined })
  | (OfRun & { readonly type: 'run.cancelling' | 'run.cancelled'; readonly by: string })
  | (OfRun & { readonly type: 'run.resumed'; readonly by: string; readonly fromTask: string | undefined })
  | (OfRun & { readonly type: 'run.late'; readonly deadlineMs: number })
  | (OfTask & { readonly type: 'task.started'; readonly attempt: number; readonly worker: string })
  | (OfTask & {
      readonly type: 'task.succeeded';
      readonly attempt: number;
      readonly durationMs: number;
      readonly detail: string;
    })
  | (OfTask & {
      readonly type: 'task.failed';
      readonly attempt: number;
      readonly durationMs: number;
      readonly error: Failure;
    })
  | (OfTask & {
      readonly type: 'task.retrying';
      readonly attempt: number;
      readonly atMs: number;
      readonly error: Failure;
    })
  | (OfTask & {
      readonly type: 'task.crashed';
      readonly attempt: number;
      readonly crashes: number;
      readonly worker: string;
    })
  | (OfTask & { readonly type: 'task.skipped' | 'task.upstream_failed' | 'task.cancelled'; readonly reason: string })
  | (OfTask & { readonly type: 'task.expanded'; readonly count: number })
  | (OfTask & { readonly type: 'task.marked'; readonly state: 'succeeded' | 'skipped'; readonly by: string })
  | {
      readonly type:
        | 'backfill.created'
        | 'backfill.started'
        | 'backfill.paused'
        | 'backfill.resumed'
        | 'backfill.cancelling'
        | 'backfill.ended';
      readonly pipeline: string;
      readonly backfillId: number;
      readonly state: string;
      readonly cells: number;
      readonly by: string | undefined;
    }
  | {
      readonly type: 'pipeline.changed';
      readonly pipeline: string;
      readonly version: string;
      readonly semanticVersion: string;
    }
  | { readonly type: 'pipeline.broken'; readonly pipeline: string; readonly error: Failure }
  /** What was wrong with it is over: its definition does not load, or its runs cannot be made; the project has it no more. */
  | { readonly type: 'pipeline.back'; readonly pipeline: string; readonly was: 'broken' | 'gone' }
  | {
      readonly type: 'pipeline.gone' | 'pipeline.paused' | 'pipeline.unpaused';
      readonly pipeline: string;
      readonly by: string | undefined;
    }
  | { readonly type: 'pipeline.recovered'; readonly pipeline: string; readonly runId: number }
  | {
      readonly type: 'worker.started' | 'worker.stopped' | 'worker.lost';
      readonly worker: string;
      readonly host: string;
      readonly pid: number;
    }
  | {
      readonly type: 'alert.failed';
      readonly pipeline: string;
      readonly runId: number;
      /** Host and a short hash of the webhook: its URL may be a secret. */
      readonly target: string;
      readonly reason: string;
    }
  | { readonly type: 'clock.jumped'; readonly byMs: number };

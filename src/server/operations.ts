/** What a caller may do; each scope holds those before it. */
export const scopes = ['viewer', 'analyst', 'operator', 'admin'] as const;
export type Scope = (typeof scopes)[number];

/**
 * read: GET, repeatable, with an ETag. write: changes the store in one transaction, takes an Idempotency-Key. act: changes
 * something that no transaction of the store can hold. stream: server-sent events. text: plain text.
 */
type OperationKind = 'read' | 'write' | 'act' | 'stream' | 'text';

interface Operation {
  readonly method: 'get' | 'post' | 'put' | 'delete';
  /** Below `/api/v1`; parameters in braces. */
  readonly path: string;
  readonly kind: OperationKind;
  /** open: nobody is asked who they are. */
  readonly scope: Scope | 'open';
  /** One line for people. */
  readonly summary: string;
}

const read = <P extends string>(path: P, summary: string, scope: Scope | 'open' = 'viewer') =>
  ({ method: 'get', path, kind: 'read', scope, summary }) as const;
const write = <P extends string>(path: P, summary: string, scope: Scope = 'operator') =>
  ({ method: 'post', path, kind: 'write', scope, summary }) as const;

/** Every operation of the API by its operationId. The server and its clients are both made from this table. */
export const operations = {
  getHealth: read('/health', 'What runs here, since when, and whether the scheduler lives.', 'open'),
  getStatus: read('/status', 'One sentence of health; what fails, is late, stale or waiting and why; next runs.'),

  listPipelines: read('/pipelines', 'The pipelines of the project, and those it had.'),
  getPipeline: read('/pipelines/{pipeline}', 'One pipeline with its schedule and its latest runs.'),
  getGraph: read('/pipelines/{pipeline}/graph', 'Its tasks in topological order, of today or of an older version.'),
  getMatrix: read('/pipelines/{pipeline}/matrix', 'Runs × tasks in one compact answer.'),
  getPlan: read('/pipelines/{pipeline}/plan', 'Cells of an interval: done, missing, failed, stale, running, and why.'),
  refreshListings: {
    method: 'post',
    path: '/pipelines/{pipeline}/listings/refresh',
    kind: 'act',
    scope: 'operator',
    summary: 'Lists the sources of a pipeline anew, so that its plan knows what is stale.',
  },
  pausePipeline: write('/pipelines/{pipeline}/pause', 'No scheduled run of it starts any more.'),
  unpausePipeline: write('/pipelines/{pipeline}/unpause', 'Its schedule goes on.'),

  listRuns: read('/runs', 'Runs, newest first, in pages.'),
  triggerRun: write('/runs', 'A run now.'),
  changeRuns: write('/runs/change', 'Cancels, retries or resumes many runs; one answer for each.'),
  getRun: read('/runs/{run}', 'One run.'),
  getGantt: read('/runs/{run}/gantt', 'Its attempts over time, usual durations, the critical path.'),
  cancelRun: write('/runs/{run}/cancel', 'Starts no task any more and interrupts those under way.'),
  retryRun: write('/runs/{run}/retry', 'Does failed tasks again, or a task and all that come after it.'),
  resumeRun: write('/runs/{run}/resume', 'Carries on a run that was cancelled or failed.'),

  listTasks: read('/runs/{run}/tasks', 'Tasks of a run, each with the reason why it is not running.'),
  getTask: read('/runs/{run}/tasks/{task}', 'One task with what it gave to later ones.'),
  listAttempts: read('/runs/{run}/tasks/{task}/attempts', 'The attempts at one task, first to last.'),
  retryTask: write('/runs/{run}/tasks/{task}/retry', 'Does a task again, and what comes after it.'),
  markTaskSucceeded: write(
    '/runs/{run}/tasks/{task}/mark-success',
    'Takes a task for succeeded; adds nothing to coverage.',
  ),
  skipTask: write('/runs/{run}/tasks/{task}/skip', 'Leaves a task out.'),
  changeTasks: write('/tasks/change', 'Retries, marks or skips many tasks; one answer for each.'),

  readLogs: read('/runs/{run}/logs', 'Lines of a run, searched on this side.'),
  getFirstError: read(
    '/runs/{run}/logs/first-error',
    'The first line of level error, by time, among the last attempts of its tasks.',
  ),
  downloadLogs: {
    method: 'get',
    path: '/runs/{run}/logs/text',
    kind: 'text',
    scope: 'viewer',
    summary: 'The same lines as plain text, all of them.',
  },
  followLogs: {
    method: 'get',
    path: '/runs/{run}/logs/stream',
    kind: 'stream',
    scope: 'viewer',
    summary: 'The same lines as they come, until the run has ended.',
  },

  listBackfills: read('/backfills', 'Backfills, newest first, in pages.'),
  createBackfill: write('/backfills', 'Freezes a plan of cells and works it off; with dryRun only tells the plan.'),
  getBackfill: read('/backfills/{backfill}', 'One backfill and its progress, cell by cell.'),
  pauseBackfill: write('/backfills/{backfill}/pause', 'Starts no cell of it any more.'),
  resumeBackfill: write('/backfills/{backfill}/resume', 'Goes on with it, failed cells again.'),
  cancelBackfill: write('/backfills/{backfill}/cancel', 'Ends it; cells under way are cancelled.'),

  listEvents: read('/events', 'What happened, in the order of commits, in pages.'),
  followEvents: {
    method: 'get',
    path: '/events/stream',
    kind: 'stream',
    scope: 'viewer',
    summary: 'The same as it happens; Last-Event-ID carries on where a connection broke.',
  },

  listPools: read('/pools', 'Pools with their slots, and who is in them.'),
  setPool: {
    method: 'put',
    path: '/pools/{pool}',
    kind: 'write',
    scope: 'admin',
    summary: 'Makes a pool or changes its number of slots.',
  },
  listWorkers: read('/workers', 'Who carries tasks out, and when they were last heard of.'),

  listTokens: read('/tokens', 'Tokens, without their secrets.', 'admin'),
  createToken: write('/tokens', 'A new token; its text is in this one answer and nowhere else.', 'admin'),
  revokeToken: {
    method: 'delete',
    path: '/tokens/{token}',
    kind: 'write',
    scope: 'admin',
    summary: 'Ends a token at once.',
  },
} as const satisfies Readonly<Record<string, Operation>>;

export type OperationId = keyof typeof operations;
export const operationIds = Object.keys(operations) as readonly OperationId[];

export const API_BASE = '/api/v1';

import type { Clock } from '../../core/clock.ts';
import { errorText, SparkifyError, toSparkifyError } from '../../core/errors.ts';
import type { Timers } from '../../core/timers.ts';
import {
  type FunctionHost,
  type FunctionResult,
  type FunctionTask,
  runFunctionTask,
} from '../../operators/function-task.ts';
import type { LookListener } from '../../operators/source-look.ts';
import type { ResolvedPipeline } from '../../pipeline/define.ts';
import type { JsonValue } from '../../pipeline/json-value.ts';
import { type FunctionOperator, isDataOperator } from '../../pipeline/operator.ts';
import type { Task } from '../../pipeline/task.ts';
import type { Source } from '../../sources/source.ts';
import type { AttemptLog, AttemptLogs } from '../logs/attempt-logs.ts';
import type { Claim, ClaimedTask, Completion, TaskError } from '../queue/queue.ts';
import type { StoreReader } from '../store/store.ts';
import type { Definitions } from './definitions.ts';
import type { HeldRuns } from './held-runs.ts';
import type { RunFacts } from './run-facts.ts';
import type { ErrorOwner, StrayErrors } from './stray-errors.ts';
import { givenValue } from './values.ts';

/** Why an attempt is interrupted, and so how it ends unless it has ended by itself. */
export type Interruption =
  /** Its time is up, or something it began failed: the task has failed. */
  | 'timeout'
  | 'stray'
  /** Its run is being cancelled. */
  | 'cancelled'
  /** The lease ran out: to the store it is somebody else's already. */
  | 'lost'
  /** The process goes down: given back unharmed. */
  | 'stopping';

/** What attempts of one worker share. */
export interface AttemptHost {
  readonly db: StoreReader;
  readonly definitions: Definitions;
  /** Semantic version of a pipeline that is in force in the store. */
  readonly currentVersion: (pipeline: string) => string | undefined;
  /** Undefined in a worker without a warehouse, which claims no data tasks. */
  readonly held: HeldRuns | undefined;
  readonly openSource: (root: string) => Promise<Source>;
  /** Told what looks for objects showed. */
  readonly onLook: LookListener | undefined;
  readonly logs: AttemptLogs;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly strays: StrayErrors;
  /** Whether a claim is ours still. @throws TASK_INTERRUPTED when it is not */
  readonly requireClaim: (claim: Claim, task: string) => Promise<void>;
  /** How long an interrupted attempt is waited for, before it is left to itself. */
  readonly graceMs: number;
  /** For people: what went wrong beside any task. */
  readonly note: (detail: string) => void;
}

export interface Attempt {
  readonly claim: Claim;
  readonly runId: number;
  readonly data: boolean;
  /** The first call counts. */
  interrupt(why: Interruption): void;
  /** Never rejects; undefined: nothing is to be told to the store. */
  readonly ended: Promise<Completion | undefined>;
}

/** After so long a definition that is not here is looked for again. */
const NOT_HERE_MS = 10_000;

/** Begins an attempt at a claimed task. */
export function beginAttempt(claimed: ClaimedTask, run: RunFacts | undefined, host: AttemptHost): Attempt {
  const running = new RunningAttempt(claimed, run, host);
  return {
    claim: running.claim,
    runId: claimed.row.run_id,
    data: claimed.row.data === 1,
    interrupt: (why) => running.interrupt(why),
    ended: running.run(),
  };
}

class RunningAttempt implements ErrorOwner {
  readonly claim: Claim;
  readonly #claimed: ClaimedTask;
  readonly #run: RunFacts | undefined;
  readonly #host: AttemptHost;
  readonly #log: AttemptLog;
  readonly #controller = new AbortController();
  #interruption: Interruption | undefined;
  #ended = false;
  #cancelTimeout: (() => void) | undefined;

  constructor(claimed: ClaimedTask, run: RunFacts | undefined, host: AttemptHost) {
    this.#claimed = claimed;
    this.#run = run;
    this.#host = host;
    const { taskId, worker, attempt, row } = claimed;
    this.claim = { taskId, worker, attempt };
    this.#log = host.logs.open({ run: row.run_id, task: row.task, mapIndex: row.map_index, attempt });
  }

  interrupt(why: Interruption, reason: SparkifyError = this.#reason(why)): void {
    if (this.#ended || this.#interruption !== undefined) return;
    this.#interruption = why;
    this.#controller.abort(reason);
  }

  stray(error: unknown): void {
    const { task, run_id } = this.#claimed.row;
    const reason = new SparkifyError('TASK_STRAY_ERROR', { task, detail: errorText(error) }, { cause: error });
    if (this.#ended) this.#host.note(`${task} of run ${run_id}, which has ended: ${reason.message}`);
    else this.interrupt('stray', reason);
  }

  async run(): Promise<Completion | undefined> {
    const { clock, strays } = this.#host;
    const { task } = this.#claimed.row;
    const startedMs = clock.nowMs();
    let completion: Completion | undefined;
    try {
      completion = await this.#orGivenUp(strays.within(this, () => this.#work()));
      const durationMs = clock.nowMs() - startedMs;
      if (completion.state === 'succeeded')
        this.#log.progress({ type: 'task.succeeded', task, durationMs, detail: completion.detail });
      else if (completion.state === 'skipped')
        this.#log.progress({ type: 'task.skipped', task, detail: completion.reason });
    } catch (error) {
      completion = this.#failed(error);
    } finally {
      this.#ended = true;
      this.#cancelTimeout?.();
    }
    const closed = this.#log.close();
    // Whoever sees the failure finds its last lines.
    if (completion?.state === 'failed') await closed;
    return this.#interruption === 'lost' ? undefined : completion;
  }

  /** The work, or after an interruption that it does not heed for too long, the reason of that. */
  #orGivenUp(work: Promise<Completion>): Promise<Completion> {
    const { signal } = this.#controller;
    const { timers, graceMs } = this.#host;
    return new Promise((resolve, reject) => {
      let cancel: (() => void) | undefined;
      const onAbort = (): void => {
        cancel = timers.later(graceMs, () => {
          if (this.#claimed.row.data === 1) this.#host.held?.abandon(this.#claimed.row.run_id);
          reject(signal.reason);
        });
      };
      signal.addEventListener('abort', onAbort, { once: true });
      work.then(resolve, reject).finally(() => {
        signal.removeEventListener('abort', onAbort);
        cancel?.();
      });
    });
  }

  async #work(): Promise<Completion> {
    const { definitions, currentVersion, clock } = this.#host;
    const { row } = this.#claimed;
    if (this.#run === undefined)
      throw new SparkifyError('INTERNAL', { detail: `run ${row.run_id} is not in the store` });
    const found = definitions.find(this.#run, row.task, currentVersion);
    if (found.kind === 'not-here')
      return { state: 'not-yet', claim: this.claim, detail: found.reason, againAtMs: clock.nowMs() + NOT_HERE_MS };
    const { pipeline, task } = found;
    const { operator } = task;
    return isDataOperator(operator)
      ? this.#dataTask(this.#run, pipeline, { ...task, operator })
      : this.#functionTask(this.#run, pipeline, { ...task, operator });
  }

  async #dataTask(
    run: RunFacts,
    pipeline: ResolvedPipeline,
    task: Parameters<HeldRuns['runTask']>[0]['task'],
  ): Promise<Completion> {
    const { held, requireClaim } = this.#host;
    if (held === undefined) throw new SparkifyError('INTERNAL', { detail: 'this worker has no warehouse' });
    const result = await held.runTask({
      run,
      pipeline,
      task,
      signal: this.#controller.signal,
      progress: (event) => this.#log.progress(event),
      onBegin: () => this.#startTimeout(task),
      beforeCommit: () => requireClaim(this.claim, task.name),
    });
    return result.kind === 'skipped'
      ? { state: 'skipped', claim: this.claim, reason: result.reason }
      : { state: 'succeeded', claim: this.claim, detail: result.detail };
  }

  async #functionTask(run: RunFacts, pipeline: ResolvedPipeline, task: FunctionTask): Promise<Completion> {
    const { db, openSource, onLook } = this.#host;
    const { row } = this.#claimed;
    this.#startTimeout(task);
    const host: FunctionHost = {
      pipeline,
      interval: run.interval,
      attempt: row.failures + row.crashes + 1,
      runId: run.id,
      signal: this.#controller.signal,
      log: (message, level) => this.#log[level](message),
      givenBy: (name) => givenValue(db, run.id, name),
      openSource,
      ...(onLook === undefined ? {} : { onLook }),
      ...(row.map_index < 0
        ? {}
        : { element: { index: row.map_index, input: JSON.parse(row.input_json ?? 'null') as JsonValue } }),
    };
    return this.#told(task.operator, await runFunctionTask(task, host));
  }

  #told(operator: FunctionOperator, result: FunctionResult): Completion {
    const { claim } = this;
    const { detail } = result;
    switch (result.kind) {
      case 'done':
        return { state: 'succeeded', claim, detail, ...(result.value === undefined ? {} : { output: result.value }) };
      case 'skipped':
        return { state: 'skipped', claim, reason: detail };
      case 'chosen':
        return { state: 'succeeded', claim, detail, chosen: result.chosen };
      case 'expanded':
        return { state: 'expanded', claim, inputs: result.inputs };
      case 'looked':
        if (result.ready || !('timing' in operator)) return { state: 'succeeded', claim, detail };
        // Whether there is another look at all, the queue judges: it knows when the first one was.
        return { state: 'not-yet', claim, detail, againAtMs: this.#host.clock.nowMs() + operator.timing.everyMs };
    }
  }

  #startTimeout({ options: { timeoutMs } }: Task): void {
    if (timeoutMs === undefined) return;
    this.#cancelTimeout?.();
    this.#cancelTimeout = this.#host.timers.later(timeoutMs, () =>
      this.interrupt(
        'timeout',
        new SparkifyError('TASK_TIMEOUT', { task: this.#claimed.row.task, limitMs: timeoutMs }),
      ),
    );
  }

  #failed(error: unknown): Completion {
    const { claim } = this;
    switch (this.#interruption) {
      case 'cancelled':
        this.#log.info('interrupted: the run is cancelled');
        return { state: 'cancelled', claim };
      case 'stopping':
      case 'lost':
        this.#log.info(errorText(this.#controller.signal.reason));
        return { state: 'released', claim, reason: 'its worker goes down' };
      case 'timeout':
      case 'stray':
      case undefined: {
        const known = toSparkifyError(this.#interruption === undefined ? error : this.#controller.signal.reason);
        this.#log.error(known.message, { error: known });
        return { state: 'failed', claim, error: taskError(known) };
      }
    }
  }

  #reason(why: Interruption): SparkifyError {
    const { task } = this.#claimed.row;
    return new SparkifyError('TASK_INTERRUPTED', { task, why: interruptions[why] });
  }
}

const interruptions: Readonly<Record<Interruption, string>> = {
  timeout: 'its time is up',
  stray: 'something it began failed',
  cancelled: 'its run is being cancelled',
  lost: 'its worker was silent for too long, so that it is another one’s',
  stopping: 'its worker goes down',
};

function taskError({ code, message, remedy, retryable }: SparkifyError): TaskError {
  return { code, message, remedy, retryable };
}

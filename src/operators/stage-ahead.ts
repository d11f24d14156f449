import type { ProgressEvent, ProgressListener } from '../core/progress.ts';
import type { Staging } from '../pipeline/tables.ts';
import type { DuckSession } from '../warehouse/duckdb/session.ts';
import type { RunState, StageOutcome } from './run-state.ts';
import { runStage } from './stage.ts';

interface Begun {
  /** The task beside which it was begun. */
  readonly beside: string;
  readonly work: Promise<string>;
  readonly stop: AbortController;
  /** Its turn has come. */
  readonly proceed: () => void;
  readonly stages: ReadonlyMap<string, StageOutcome>;
  readonly warnings: readonly string[];
  /** Who hears what it tells, and what it told before anybody did. */
  listener: ProgressListener | undefined;
  readonly told: ProgressEvent[];
}

/**
 * Stagings that are read while another task of the run is carried out: one lists and waits for disks while another one's
 * records are scanned, or the tables are created. What they find is recorded, and counts for the run, once their task has its turn and takes it.
 */
export class StagingsAhead {
  readonly #state: RunState;
  readonly #begun = new Map<string, Begun>();
  /** Tasks that have had their turn. */
  readonly #past = new Set<string>();

  constructor(state: RunState) {
    this.#state = state;
  }

  /** Begins to read what the task `name` is to stage; its failure is kept for its turn. */
  begin(name: string, staging: Staging, beside: string): void {
    if (this.#begun.has(name) || this.#past.has(name)) return;
    const stop = new AbortController();
    const stages = new Map<string, StageOutcome>();
    const warnings: string[] = [];
    const told: ProgressEvent[] = [];
    const { options } = this.#state;
    const progress: ProgressListener = (event) => {
      const { listener } = begun;
      if (listener !== undefined) listener(event);
      else if (event.type !== 'task.progress') told.push(event);
    };
    let proceed = (): void => undefined;
    const turn = new Promise<void>((resolve, reject) => {
      proceed = resolve;
      stop.signal.addEventListener('abort', () => reject(stop.signal.reason));
    });
    turn.catch(() => undefined);
    const own = { ...options, progress, signal: stop.signal };
    const work = this.#withSession(stop.signal, (session) =>
      runStage({ ...this.#state, options: own, session, stages, warnings }, name, staging, turn),
    );
    const begun: Begun = { beside, work, stop, proceed, stages, warnings, listener: undefined, told };
    work.catch(() => undefined);
    this.#begun.set(name, begun);
  }

  async #withSession<T>(signal: AbortSignal, work: (session: DuckSession) => Promise<T>): Promise<T> {
    const session = await this.#state.options.warehouse.compute.connect();
    const interrupt = (): void => session.interrupt();
    signal.addEventListener('abort', interrupt);
    try {
      return await work(session);
    } finally {
      signal.removeEventListener('abort', interrupt);
      session.close();
    }
  }

  /**
   * The turn of the task `name`: if it was begun, waits for its end and makes what it found count.
   * @throws whatever reading it threw
   */
  take(name: string): Promise<string> | undefined {
    this.#past.add(name);
    const begun = this.#begun.get(name);
    return begun === undefined ? undefined : this.#take(name, begun);
  }

  async #take(name: string, begun: Begun): Promise<string> {
    const { progress, signal } = this.#state.options;
    for (const event of begun.told) progress(event);
    begun.listener = progress;
    const stop = (): void => begun.stop.abort(signal.reason);
    signal.addEventListener('abort', stop);
    begun.proceed();
    try {
      const detail = await begun.work;
      for (const [staging, outcome] of begun.stages) this.#state.stages.set(staging, outcome);
      this.#state.warnings.push(...begun.warnings);
      const read = [...begun.stages.values()].some((outcome) => outcome.read > 0);
      return read ? `${detail}; read beside ${begun.beside}` : detail;
    } finally {
      signal.removeEventListener('abort', stop);
      this.#begun.delete(name);
    }
  }

  /** Gives up what nobody took. */
  async stop(): Promise<void> {
    const begun = [...this.#begun.values()];
    this.#begun.clear();
    for (const { stop } of begun) stop.abort(new Error('the run was stopped'));
    await Promise.allSettled(begun.map(({ work }) => work));
  }
}

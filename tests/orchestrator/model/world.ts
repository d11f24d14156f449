import { isSparkifyError } from '../../../src/core/errors.ts';
import type { RunState, TaskState } from '../../../src/orchestrator/model/states.ts';
import type { ClaimedTask, Completion } from '../../../src/orchestrator/queue/queue.ts';
import { createTaskQueue } from '../../../src/orchestrator/queue/task-queue.ts';
import { cancelRun } from '../../../src/orchestrator/runs/cancel-run.ts';
import { createRun } from '../../../src/orchestrator/runs/create-run.ts';
import { markTask } from '../../../src/orchestrator/runs/mark-task.ts';
import { retryRun, retryTask } from '../../../src/orchestrator/runs/retry-run.ts';
import { createRunGraphs } from '../../../src/orchestrator/runs/run-graph.ts';
import { startRuns } from '../../../src/orchestrator/runs/start-runs.ts';
import type { Store } from '../../../src/orchestrator/store/store.ts';
import type { TaskInstance } from '../../../src/orchestrator/store/tables.ts';
import type { VirtualClock } from '../stores.ts';
import { type Case, type Command, type Ending, LEASE_MS, pools, queues } from './commands.ts';
import { checkStep, Violation } from './rules.ts';
import { clear, emptySnapshot, type Snapshot, takeSnapshot } from './snapshot.ts';

const DAY_MS = 86_400_000;

/** Refusals that a person may meet; anything else fails the case. */
const REFUSALS: ReadonlySet<string> = new Set([
  'RUN_ENDED',
  'RUN_NOT_ENDED',
  'RETRY_NOTHING',
  'RETRY_BLOCKED',
  'TASK_NOT_ENDED',
  'TASK_NOT_MARKABLE',
]);

/** Plays a case against the store and compares every step with the rules; gives how often each command did something. */
export async function play(
  { store, clock }: { readonly store: Store; readonly clock: VirtualClock },
  { graphs, commands }: Case,
): Promise<ReadonlyMap<string, number>> {
  await clear(store);
  await store.write(async (tx) => {
    for (const [name, slots] of Object.entries(pools))
      await tx.run('insert into pools (name, slots, from_config) values ($1, $2, 0)', [name, slots]);
  });
  const world = new World(store, clock, graphs);
  const half = Math.floor(commands.length / 2);
  for (const command of commands.slice(0, half)) await world.step(command);
  // Three elements for each mapped task, then fewer: what was done is taken up again from somewhere.
  await world.drain(3);
  await world.retryAll();
  for (const command of commands.slice(half)) await world.step(command);
  await world.drain(1);
  return world.effects;
}

class World {
  readonly effects = new Map<string, number>();
  readonly #store: Store;
  readonly #clock: VirtualClock;
  readonly #graphs: Case['graphs'];
  readonly #runGraphs = createRunGraphs();
  readonly #workers: { name: string; readonly queue: ReturnType<typeof createTaskQueue>; claims: ClaimedTask[] }[];
  readonly #everClaimed: ClaimedTask[] = [];
  #at: Snapshot = emptySnapshot;
  #unchosen = new Set<string>();

  constructor(store: Store, clock: VirtualClock, graphs: Case['graphs']) {
    this.#store = store;
    this.#clock = clock;
    this.#graphs = graphs;
    this.#workers = [0, 1, 2].map((i) => ({
      name: `w${i}`,
      queue: createTaskQueue(store, { random: () => 0.5, graphs: this.#runGraphs, maxCrashes: 3 }),
      claims: [],
    }));
  }

  async step(command: Command | { readonly do: 'drain' }, act = () => this.#act(command as Command)): Promise<void> {
    this.#unchosen = new Set();
    try {
      await act();
    } catch (error) {
      if (!isSparkifyError(error) || !REFUSALS.has(error.code)) throw error;
    }
    const after = await takeSnapshot(this.#store);
    const before = this.#at;
    this.#at = after;
    if (JSON.stringify([...before.tasks.values()]) !== JSON.stringify([...after.tasks.values()]))
      this.effects.set(command.do, (this.effects.get(command.do) ?? 0) + 1);
    checkStep({
      command,
      before,
      after,
      graphOf: (run) => this.#graphs.find((g) => g.pipeline === run.pipeline && g.version === run.version)!,
      unchosen: this.#unchosen,
    });
  }

  /** Lets everything come to its end: then no run goes on, but those that wait for a past that did not succeed. */
  async drain(bits: number): Promise<void> {
    for (const worker of this.#workers) worker.claims = [];
    for (let quiet = 0, rounds = 0; quiet < 3; rounds++) {
      if (rounds > 400) throw new Violation('the store does not come to rest');
      let moved = false;
      await this.step({ do: 'drain' }, async () => {
        this.#clock.advance(61_000);
        await this.#workers[0]!.queue.expire();
      });
      await this.step({ do: 'drain' }, async () => {
        moved = (await this.#claim(0, 50)) > 0;
      });
      const { claims } = this.#workers[0]!;
      await this.step({ do: 'drain' }, () =>
        this.#complete(
          0,
          claims.map((_, claim) => ({ claim, ending: 'succeed', bits })),
        ),
      );
      quiet = moved ? 0 : quiet + 1;
    }
    for (const run of this.#at.runs.values()) {
      if (run.state !== 'running' && run.state !== 'cancelling') continue;
      const tasks = [...this.#at.tasks.values()].filter((t) => t.run_id === run.id);
      if (!tasks.some((t) => t.state === 'waiting' && t.past_ms !== null))
        throw new Violation(`run ${run.id} is ${run.state} though nothing is left to do: ${tasks.map((t) => t.state)}`);
      for (const task of tasks) if (task.state === 'waiting' && task.past_ms !== null) this.#requireMissingPast(task);
    }
  }

  /** Retries every run from one of its tasks on. */
  async retryAll(): Promise<void> {
    for (let run = 0; run < this.#at.runs.size; run++) await this.step({ do: 'retry', run, from: run * 7 + 3 });
  }

  /** Whoever still waits for its past has none that succeeded. */
  #requireMissingPast(task: TaskInstance): void {
    const covers = (r: { start_ms: number; end_ms: number }): boolean =>
      r.start_ms < task.past_ms! && r.end_ms >= task.past_ms!;
    const done = [...this.#at.tasks.values()].find(
      (t) =>
        t.pipeline === task.pipeline &&
        t.task === task.task &&
        t.map_index === -1 &&
        (t.state === 'succeeded' || t.state === 'skipped') &&
        covers(this.#at.runs.get(t.run_id)!),
    );
    if (done !== undefined)
      throw new Violation(`task ${task.task} of run ${task.run_id} waits for a past that run ${done.run_id} has made`);
  }

  async #act(command: Command): Promise<void> {
    switch (command.do) {
      case 'create':
        return this.#create(command);
      case 'start':
        return this.#withRun(command.run, ['queued'], (id) =>
          this.#store.write((tx) => startRuns(tx, this.#runGraphs, [id])),
        );
      case 'claim':
        if (command.limit % 2 === 0) await this.#renew(command.worker);
        await this.#claim(command.worker, command.limit);
        return;
      case 'complete':
        return this.#complete(command.worker, command.ends);
      case 'complete-late':
        return this.#completeLate(command.claim, command.ending);
      case 'die': {
        const worker = this.#workers[command.worker]!;
        worker.name = `${worker.name}'`;
        worker.claims = [];
        return;
      }
      case 'advance':
        this.#clock.advance(command.ms);
        return;
      case 'expire':
        await this.#workers[0]!.queue.expire();
        return;
      case 'renew':
        return this.#renew(command.worker);
      case 'renew-holds': {
        const { name, queue } = this.#workers[command.worker]!;
        const runs = [...this.#at.runs.values()];
        const lost = await queue.renewHolds(
          name,
          runs.map((r) => r.id),
          LEASE_MS,
        );
        const notHeld = runs.filter((r) => r.holder !== name).map((r) => r.id);
        if (lost.join() !== notHeld.join()) throw new Violation(`holds lost: ${lost}, not held: ${notHeld}`);
        return;
      }
      case 'release': {
        const { name, queue } = this.#workers[command.worker]!;
        const held = [...this.#at.runs.values()].find((r) => r.holder === name);
        if (held !== undefined) return queue.releaseRun(name, held.id);
        return this.#withRun(command.run, ['running'], (id) => queue.releaseRun(name, id));
      }
      case 'cancel':
        return this.#withRun(command.run, ['running', 'cancelling'], async (id) => {
          await this.#store.write((tx) => cancelRun(tx, this.#runGraphs, id, { by: 'me' }));
        });
      case 'retry':
        return this.#withRun(command.run, ['failed', 'cancelled', 'succeeded'], (id) => {
          const tasks = this.#tasksOf(id).filter((t) => t.map_index === -1);
          const fromTask = command.from === undefined ? undefined : tasks[command.from % tasks.length]!.task;
          const options = { by: 'me', ...(fromTask === undefined ? {} : { fromTask }) };
          return this.#store.write((tx) => retryRun(tx, this.#runGraphs, id, options));
        });
      case 'retry-task':
        return this.#withTask(command.task, ['failed', 'succeeded', 'skipped'], (id, task, options) =>
          this.#store.write((tx) => retryTask(tx, this.#runGraphs, id, task, { by: 'me', ...options })),
        );
      case 'mark':
        return this.#withTask(
          command.task,
          ['failed', 'upstream_failed', 'cancelled', 'ready', 'waiting'],
          (id, task, options) =>
            this.#store.write((tx) =>
              markTask(tx, this.#runGraphs, id, task, { by: 'me', state: command.state, ...options }),
            ),
        );
    }
  }

  async #create(command: Extract<Command, { do: 'create' }>): Promise<void> {
    const graph = this.#graphs[command.graph]!;
    const startMs = command.day * DAY_MS;
    const days = command.kind === 'backfill' ? command.days : 1;
    const cells = Array.from({ length: days }, (_, i) => ({
      startMs: startMs + i * DAY_MS,
      endMs: startMs + (i + 1) * DAY_MS,
    }));
    const only = command.only === undefined ? {} : { only: [graph.tasks[command.only % graph.tasks.length]!.name] };
    await this.#store.write(async (tx) => {
      const id = await createRun(tx, {
        graph,
        kind: command.kind,
        interval: { startMs, endMs: startMs + days * DAY_MS },
        ...(days > 1 ? { cells } : {}),
        request: { params: {}, ...only },
        priority: { manual: 0, scheduled: 10, backfill: 20 }[command.kind],
        dueAtMs: tx.nowMs,
        requestedBy: 'me',
      });
      if (command.start) await startRuns(tx, this.#runGraphs, [id]);
    });
  }

  async #claim(index: number, limit: number): Promise<number> {
    const worker = this.#workers[index]!;
    // The second worker has no warehouse.
    const request = { worker: worker.name, queues, limit, warehouse: index !== 1, leaseMs: LEASE_MS };
    const claimed = await worker.queue.claim(request);
    if (claimed.length > limit) throw new Violation(`${claimed.length} claimed, ${limit} were asked for`);
    if (index === 1 && claimed.some((c) => c.row.data === 1)) throw new Violation('a data task without a warehouse');
    for (const { row } of claimed) {
      const before = this.#at.tasks.get(row.id);
      if (before?.state !== 'ready' || before.ready_at_ms > this.#clock.nowMs())
        throw new Violation(`task ${row.id} was claimed while ${before?.state}`);
    }
    worker.claims.push(...claimed);
    this.#everClaimed.push(...claimed);
    return claimed.length;
  }

  async #complete(
    index: number,
    ends: readonly { readonly claim: number; readonly ending: Ending; readonly bits: number }[],
  ): Promise<void> {
    const worker = [this.#workers[index]!, ...this.#workers].find((w) => w.claims.length > 0);
    if (worker === undefined) return;
    const completions: Completion[] = [];
    const done = new Set<ClaimedTask>();
    for (const { claim, ending, bits } of ends) {
      const claimed = worker.claims[claim % worker.claims.length]!;
      completions.push(this.#completion(claimed, ending, bits));
      done.add(claimed);
    }
    await this.#settle(worker.queue, completions);
    worker.claims = worker.claims.filter((c) => !done.has(c));
  }

  async #completeLate(claim: number, ending: Ending): Promise<void> {
    // Most of all claims of tasks that somebody works on again, perhaps the same worker.
    const isOvertaken = ({ taskId, attempt }: ClaimedTask): boolean => {
      const task = this.#at.tasks.get(taskId)!;
      return task.state === 'running' && task.attempt !== attempt;
    };
    const claimed = oneOf(this.#everClaimed, isOvertaken, claim);
    if (claimed === undefined) return;
    await this.#settle(this.#workers[0]!.queue, [this.#completion(claimed, ending, 255)]);
  }

  /** A completion counts if, and only if, the task runs with this worker and attempt; the second of two never does. */
  async #settle(queue: ReturnType<typeof createTaskQueue>, completions: readonly Completion[]): Promise<void> {
    const seen = new Set<number>();
    const expected = completions.filter(({ claim }) => {
      const task = this.#at.tasks.get(claim.taskId);
      const stands = task?.state === 'running' && task.worker === claim.worker && task.attempt === claim.attempt;
      const refused = !stands || seen.has(claim.taskId);
      if (!refused) seen.add(claim.taskId);
      return refused;
    });
    for (const completion of completions) if (!expected.includes(completion)) this.#noteUnchosen(completion);
    const refused = await queue.complete(completions);
    if (refused.length !== expected.length)
      throw new Violation(`${refused.length} completions were refused, ${expected.length} should have been`);
  }

  #noteUnchosen(completion: Completion): void {
    if (completion.state !== 'succeeded' || completion.chosen === undefined) return;
    const task = this.#at.tasks.get(completion.claim.taskId)!;
    const graph = this.#graphs.find((g) => g.pipeline === task.pipeline)!;
    // Everything after a chosen task, however far.
    const onTheWay = new Set(completion.chosen);
    for (const t of graph.tasks) if (t.after.some((a) => onTheWay.has(a))) onTheWay.add(t.name);
    for (const t of graph.tasks)
      if (t.after.includes(task.task) && !onTheWay.has(t.name)) this.#unchosen.add(`${task.run_id} ${t.name}`);
  }

  #completion(claimed: ClaimedTask, ending: Ending, bits: number): Completion {
    const { taskId, worker, attempt, row } = claimed;
    const claim = { taskId, worker, attempt };
    const graph = this.#graphs.find((g) => g.pipeline === row.pipeline)!;
    const task = graph.tasks.find((t) => t.name === row.task)!;
    const error = { code: 'FUNCTION_FAILED', message: 'it failed', remedy: 'try again' };
    switch (ending) {
      case 'succeed':
        if (task.mapped && row.map_index < 0)
          return { state: 'expanded', claim, inputs: Array.from({ length: bits % 4 }, (_, i) => i) };
        if (task.branch) {
          const next = graph.tasks.filter((t) => t.after.includes(task.name)).map((t) => t.name);
          return { state: 'succeeded', claim, detail: 'chose', chosen: next.filter((_, i) => (bits >> i) & 1) };
        }
        return { state: 'succeeded', claim, detail: 'done', output: bits };
      case 'fail':
        return { state: 'failed', claim, error: { ...error, retryable: true } };
      case 'fail-for-good':
        return { state: 'failed', claim, error: { ...error, retryable: false } };
      case 'skip':
        return { state: 'skipped', claim, reason: 'nothing to do' };
      case 'not-yet':
        return task.sensor === undefined
          ? { state: 'succeeded', claim, detail: 'seen' }
          : { state: 'not-yet', claim, detail: 'nothing yet', againAtMs: this.#clock.nowMs() + task.sensor.everyMs };
      case 'release':
        return { state: 'released', claim, reason: 'going down' };
      case 'cancel':
        return { state: 'cancelled', claim };
      case 'no-json':
        return { state: 'succeeded', claim, detail: 'done', output: () => 1 };
      case 'too-large':
        return { state: 'succeeded', claim, detail: 'done', output: 'x'.repeat(70_000) };
    }
  }

  async #renew(index: number): Promise<void> {
    const worker = this.#workers[index]!;
    const { lost, cancelled } = await worker.queue.renew(worker.claims, LEASE_MS);
    for (const claim of worker.claims) {
      const task = this.#at.tasks.get(claim.taskId)!;
      const stands = task.state === 'running' && task.worker === claim.worker && task.attempt === claim.attempt;
      const ending = stands && this.#at.runs.get(task.run_id)!.state === 'cancelling';
      if (lost.includes(claim) === stands) throw new Violation(`claim of task ${task.id}: lost is wrong`);
      if (cancelled.includes(claim) !== ending) throw new Violation(`claim of task ${task.id}: cancelled is wrong`);
    }
    worker.claims = worker.claims.filter((c) => !lost.includes(c));
  }

  /** Acts on one of the runs for which it does something; now and then on any. */
  async #withRun(index: number, states: readonly RunState[], act: (id: number) => Promise<void>): Promise<void> {
    const run = oneOf([...this.#at.runs.values()], (r) => states.includes(r.state), index);
    if (run !== undefined) await act(run.id);
  }

  async #withTask(
    index: number,
    states: readonly TaskState[],
    act: (id: number, task: string, options: { mapIndex?: number }) => Promise<void>,
  ): Promise<void> {
    const found = oneOf([...this.#at.tasks.values()], (t) => states.includes(t.state), index);
    if (found === undefined) return;
    const { run_id, task, map_index } = found;
    await act(run_id, task, map_index < 0 ? {} : { mapIndex: map_index });
  }

  #tasksOf(runId: number) {
    return [...this.#at.tasks.values()].filter((t) => t.run_id === runId);
  }
}

function oneOf<T>(all: readonly T[], fits: (item: T) => boolean, index: number): T | undefined {
  const fitting = all.filter(fits);
  const list = fitting.length > 0 && index % 5 > 0 ? fitting : all;
  return list[(index * 7) % list.length];
}

import { listOf, type SqlWords } from '../runs/sql-words.ts';
import type { StoreTransaction } from '../store/store.ts';
import { together } from '../store/together.ts';

/** Runs whose data tasks a worker may claim. */
export interface Holds {
  /** It holds these already. */
  readonly mine: readonly number[];
  /** Nobody holds these, nor another run of their pipelines; the claim of a task of theirs begins the hold. */
  readonly free: readonly number[];
}

interface Candidate {
  readonly run_id: number;
  readonly pipeline: string;
  readonly priority: number;
  readonly since: number;
}

/**
 * Finds the runs whose data tasks the worker may claim: those it holds, and of each pipeline without a held run the most
 * urgent one (`oldest`: the one that has waited longest) that has a data task to do, at most `limit`.
 */
export async function findHolds(
  tx: StoreTransaction,
  words: SqlWords,
  request: {
    readonly worker: string;
    readonly queues: string;
    readonly limit: number;
    readonly oldest: boolean;
    readonly onlyRun: number | undefined;
  },
): Promise<Holds> {
  const { onlyRun } = request;
  // Written so that the index of ready data tasks is gone through, and no other: there are few of them.
  const [held, waiting] = await together([
    heldRuns(tx),
    tx.all<Omit<Candidate, 'priority'>>(
      `select run_id, pipeline, min(ready_at_ms) as since from tasks
       where state = 'ready' and data = 1 and ready_at_ms + 0 <= $2
         and queue ${words.amongNames('$1')}${onlyRun === undefined ? '' : ' and run_id = $3'}
       group by run_id, pipeline`,
      [request.queues, tx.nowMs, ...(onlyRun === undefined ? [] : [onlyRun])],
    ),
  ]);
  const mine = held
    .filter((r) => r.holder === request.worker && (onlyRun === undefined || r.id === onlyRun))
    .map((r) => r.id);
  const taken = new Set(held.map((r) => r.pipeline));
  const candidates = await withPriority(
    tx,
    words,
    waiting.filter((c) => !taken.has(c.pipeline)),
  );
  const before = (a: Candidate, b: Candidate): number =>
    request.oldest ? a.since - b.since || a.run_id - b.run_id : a.priority - b.priority || a.run_id - b.run_id;
  const best = new Map<string, Candidate>();
  for (const candidate of candidates) {
    const known = best.get(candidate.pipeline);
    if (known === undefined || before(candidate, known) < 0) best.set(candidate.pipeline, candidate);
  }
  const chosen = [...best.values()].sort(before).slice(0, request.limit);
  return { mine, free: chosen.length === 0 ? [] : await lockFree(tx, words, chosen) };
}

async function withPriority(
  tx: StoreTransaction,
  words: SqlWords,
  runs: readonly Omit<Candidate, 'priority'>[],
): Promise<readonly Candidate[]> {
  if (runs.length === 0) return [];
  const rows = await tx.all<{ id: number; priority: number }>(
    `select id, priority from runs where id ${words.amongIds('$1')}`,
    [listOf(runs.map((r) => r.run_id))],
  );
  const priorities = new Map(rows.map((r) => [r.id, r.priority]));
  return runs.map((run) => ({ ...run, priority: priorities.get(run.run_id)! }));
}

interface HeldRun {
  readonly id: number;
  readonly pipeline: string;
  readonly holder: string;
}

function heldRuns(tx: StoreTransaction): Promise<readonly HeldRun[]> {
  return tx.all<HeldRun>('select id, pipeline, holder from runs where holder is not null');
}

/** Makes sure that nobody else begins a hold in these pipelines; what others are about to hold is left to them. */
async function lockFree(
  tx: StoreTransaction,
  words: SqlWords,
  chosen: readonly Candidate[],
): Promise<readonly number[]> {
  if (words.forUpdate === '') return chosen.map((c) => c.run_id);
  const locked = await tx.all<{ name: string }>(
    `select name from pipelines where name ${words.amongNames('$1')}
     order by name${words.skipLocked()}`,
    [listOf(chosen.map((c) => c.pipeline))],
  );
  // Read after the lock: whoever had it before may have begun a hold.
  const taken = new Set((await heldRuns(tx)).map((r) => r.pipeline));
  const names = new Set(locked.map((p) => p.name).filter((name) => !taken.has(name)));
  const ids = chosen.filter((c) => names.has(c.pipeline)).map((c) => c.run_id);
  if (ids.length === 0) return [];
  const free = await tx.all<{ id: number }>(
    `select id from runs where id ${words.amongIds('$1')} and state = 'running' and holder is null
     order by id${words.skipLocked()}`,
    [listOf(ids)],
  );
  return free.map((r) => r.id);
}

export function beginHolds(
  tx: StoreTransaction,
  words: SqlWords,
  runIds: readonly number[],
  hold: { readonly worker: string; readonly untilMs: number },
): void {
  if (runIds.length === 0) return;
  tx.send(`update runs set holder = $2, holder_until_ms = $3 where id ${words.amongIds('$1')}`, [
    listOf(runIds),
    hold.worker,
    hold.untilMs,
  ]);
}

/** Longer holds for the runs of the list that the worker holds; gives the others. */
export async function renewHolds(
  tx: StoreTransaction,
  words: SqlWords,
  runIds: readonly number[],
  hold: { readonly worker: string; readonly untilMs: number },
): Promise<readonly number[]> {
  if (runIds.length === 0) return [];
  // Locked in order first: an update alone takes its locks in any order.
  const held = await tx.all<{ id: number }>(
    `select id from runs where id ${words.amongIds('$1')} and holder = $2 order by id${words.forUpdate}`,
    [listOf(runIds), hold.worker],
  );
  const ids = new Set(held.map((r) => r.id));
  if (ids.size > 0)
    await tx.run(
      `update runs set holder_until_ms = $2
       where id ${words.amongIds('$1')} and holder_until_ms < $2`,
      [listOf(ids), hold.untilMs],
    );
  return runIds.filter((id) => !ids.has(id));
}

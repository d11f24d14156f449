import { listOf, type SqlWords, sqlWords } from '../runs/sql-words.ts';
import { ofTask } from '../runs/task-events.ts';
import type { StoreTransaction } from '../store/store.ts';
import type { TaskInstance } from '../store/tables.ts';
import { together } from '../store/together.ts';
import type { Fairness } from './fairness.ts';
import { beginHolds, findHolds, type Holds } from './hold.ts';
import { lockPools, type PoolRoom, readPools } from './pool-room.ts';
import type { ClaimedTask, ClaimRequest } from './queue.ts';

/**
 * Takes ready tasks for a worker: by priority, then by how long they have been ready, then by id; every eighth by age alone.
 * What others are claiming at this moment is passed over, so nobody waits for anybody but for a pool. Data tasks of a run
 * follow one another, for they share its session.
 */
export async function claimTasks(
  tx: StoreTransaction,
  { tasks: fairness, holds: fairHolds }: { readonly tasks: Fairness; readonly holds: Fairness },
  request: ClaimRequest,
): Promise<{ readonly claimed: readonly ClaimedTask[]; readonly begunHolds: number }> {
  const { limit, worker, leaseMs, onlyRun } = request;
  const nothing = { claimed: [], begunHolds: 0 };
  if (limit <= 0 || request.queues.length === 0) return nothing;
  const words = sqlWords(tx.capabilities);
  const queues = listOf(request.queues);
  const oldest = onlyRun === undefined ? fairness.shareOfOldest(limit) : 0;
  const none: Holds = { mine: [], free: [] };
  const [room, holds] = await together([
    readPools(tx),
    request.warehouse
      ? findHolds(tx, words, { worker, queues, limit, oldest: fairHolds.isForOldest(0), onlyRun })
      : none,
  ]);
  const [free, ofRuns, old] = await together([
    onlyRun === undefined
      ? urgentTasks(tx, words, request.queues, room, limit)
      : tasksOfRun(tx, words, onlyRun, queues, room, limit),
    dataTasks(tx, words, [...holds.mine, ...holds.free], queues, limit),
    oldest === 0 ? [] : oldestTasks(tx, words, queues, room, oldest),
  ]);
  const urgent = [...free, ...ofRuns].sort(
    (a, b) => a.priority - b.priority || a.ready_at_ms - b.ready_at_ms || a.id - b.id,
  );
  const pools = [...urgent, ...old].flatMap((task) => (task.pool === null ? [] : [task.pool]));
  const picked = pick({ urgent, old, limit, fairness, room: await lockPools(tx, words, pools) });
  if (picked.length === 0) return nothing;
  const leaseUntilMs = tx.nowMs + leaseMs;
  const toBegin = new Set(holds.free);
  const begun = new Set(picked.filter((t) => t.data === 1 && toBegin.has(t.run_id)).map((t) => t.run_id));
  beginHolds(tx, words, [...begun], { worker, untilMs: leaseUntilMs });
  return { claimed: take(tx, words, picked, worker, leaseUntilMs), begunHolds: begun.size };
}

function pick(from: {
  readonly urgent: readonly TaskInstance[];
  readonly old: readonly TaskInstance[];
  readonly limit: number;
  readonly fairness: Fairness;
  readonly room: PoolRoom;
}): readonly TaskInstance[] {
  const { urgent, old, limit, fairness, room } = from;
  const picked = new Map<number, TaskInstance>();
  const heldOnce = new Set<number>();
  const next = (list: Iterator<TaskInstance>): boolean => {
    for (let step = list.next(); step.done !== true; step = list.next()) {
      const task = step.value;
      if (picked.has(task.id) || (task.data === 1 && heldOnce.has(task.run_id))) continue;
      if (!room.take(task.pool, task.pool_slots)) continue;
      picked.set(task.id, task);
      if (task.data === 1) heldOnce.add(task.run_id);
      return true;
    }
    return false;
  };
  const byUrgency = urgent[Symbol.iterator]();
  const byAge = old[Symbol.iterator]();
  while (picked.size < limit) {
    if (fairness.isForOldest(picked.size) && next(byAge)) continue;
    if (!next(byUrgency)) break;
  }
  return [...picked.values()];
}

/**
 * The most urgent tasks of each queue outside of pools, and of each pool that has work and room: as many as could be taken.
 * Each list is the beginning of an index, so the cost does not grow with what is waiting.
 */
async function urgentTasks(
  tx: StoreTransaction,
  words: SqlWords,
  queues: readonly string[],
  room: PoolRoom,
  limit: number,
): Promise<readonly TaskInstance[]> {
  const list = (pool: string): string =>
    `select * from tasks where state = 'ready' and data = 0 and queue = $1 and ${pool} and ready_at_ms <= $2
     order by priority, ready_at_ms, id limit $3${words.skipLocked()}`;
  const found: TaskInstance[] = [];
  for (const queue of queues)
    found.push(...(await tx.all<TaskInstance>(list('pool is null'), [queue, tx.nowMs, limit])));
  const names = room.withRoom();
  if (names.length === 0) return found;
  const busy = await tx.all<{ queue: string; pool: string }>(
    `select q.queue, p.name as pool
     from (select queue from ${words.rows('$1', { queue: 'text' })}) q
     cross join pools p
     where p.name ${words.amongNames('$2')} and exists (select 1 from tasks t
       where t.state = 'ready' and t.data = 0 and t.queue = q.queue and t.pool = p.name and t.ready_at_ms <= $3)`,
    [JSON.stringify(queues.map((queue) => ({ queue }))), listOf(names), tx.nowMs],
  );
  for (const { queue, pool } of busy)
    found.push(...(await tx.all<TaskInstance>(list('pool = $4'), [queue, tx.nowMs, limit, pool])));
  return found;
}

async function tasksOfRun(
  tx: StoreTransaction,
  words: SqlWords,
  runId: number,
  queues: string,
  room: PoolRoom,
  limit: number,
): Promise<readonly TaskInstance[]> {
  return tx.all<TaskInstance>(
    `select * from tasks
     where run_id = $1 and state = 'ready' and data = 0 and ready_at_ms <= $2 and queue ${words.amongNames('$3')}
       and (pool is null or pool ${words.amongNames('$4')})
     order by priority, ready_at_ms, id limit $5${words.skipLocked()}`,
    [runId, tx.nowMs, queues, listOf(room.withRoom()), limit],
  );
}

async function dataTasks(
  tx: StoreTransaction,
  words: SqlWords,
  runIds: readonly number[],
  queues: string,
  limit: number,
): Promise<readonly TaskInstance[]> {
  if (runIds.length === 0) return [];
  const busy = await tx.all<{ run_id: number }>("select run_id from tasks where state = 'running' and data = 1");
  const idle = new Set(runIds);
  for (const { run_id } of busy) idle.delete(run_id);
  if (idle.size === 0) return [];
  return tx.all<TaskInstance>(
    `select * from tasks
     where run_id ${words.amongIds('$1')} and state = 'ready' and data = 1 and ready_at_ms <= $2
       and queue ${words.amongNames('$3')}
     order by priority, ready_at_ms, id limit $4${words.skipLocked()}`,
    [listOf(idle), tx.nowMs, queues, limit],
  );
}

/** The column with something to it keeps planners from the queues' indexes: the one by age needs no sorting. */
async function oldestTasks(
  tx: StoreTransaction,
  words: SqlWords,
  queues: string,
  room: PoolRoom,
  limit: number,
): Promise<readonly TaskInstance[]> {
  return tx.all<TaskInstance>(
    `select * from tasks
     where state = 'ready' and data + 0 = 0 and ready_at_ms <= $2 and queue ${words.amongNames('$1')}
       and (pool is null or pool ${words.amongNames('$3')})
     order by ready_at_ms, id limit $4${words.skipLocked()}`,
    [queues, tx.nowMs, listOf(room.withRoom()), limit],
  );
}

function take(
  tx: StoreTransaction,
  words: SqlWords,
  picked: readonly TaskInstance[],
  worker: string,
  leaseUntilMs: number,
): readonly ClaimedTask[] {
  const ids = listOf(picked.map((task) => task.id));
  tx.send(
    `update tasks set state = 'running', worker = $2, attempt = attempt + 1, lease_until_ms = $3, started_at_ms = $4
     where id ${words.amongIds('$1')}`,
    [ids, worker, leaseUntilMs, tx.nowMs],
  );
  tx.send(
    `insert into attempts (task_id, attempt, run_id, worker, state, started_at_ms)
     select id, attempt, run_id, worker, 'running', started_at_ms from tasks
     where id ${words.amongIds('$1')}`,
    [ids],
  );
  return picked.map((task) => {
    const attempt = task.attempt + 1;
    tx.emit({ type: 'task.started', ...ofTask(task), attempt, worker });
    const row: TaskInstance = {
      ...task,
      state: 'running',
      worker,
      attempt,
      lease_until_ms: leaseUntilMs,
      started_at_ms: tx.nowMs,
    };
    return { taskId: task.id, worker, attempt, row };
  });
}

import { listOf, sqlWords } from '../runs/sql-words.ts';
import type { StoreTransaction } from '../store/store.ts';
import { renewHolds } from './hold.ts';
import type { Claim } from './queue.ts';

const CLAIM = { id: 'bigint', worker: 'text', attempt: 'bigint' } as const;

/** Lengthens leases, and the holds of the runs whose data tasks are among them. */
export async function renewClaims(
  tx: StoreTransaction,
  claims: readonly Claim[],
  leaseMs: number,
): Promise<{ readonly lost: readonly Claim[]; readonly cancelled: readonly Claim[] }> {
  if (claims.length === 0) return { lost: [], cancelled: [] };
  const words = sqlWords(tx.capabilities);
  const untilMs = tx.nowMs + leaseMs;
  const parameter = JSON.stringify(claims.map((c) => ({ id: c.taskId, worker: c.worker, attempt: c.attempt })));
  const mine = `from ${words.rows('$1', CLAIM)} cross join tasks t
     where t.id = v.id and t.state = 'running' and t.worker = v.worker and t.attempt = v.attempt${words.narrow('t.id', '$1', 'id')}`;
  // Runs are locked before tasks, everywhere.
  const holds = await tx.all<{ worker: string; run_id: number }>(
    `select distinct t.worker, t.run_id ${mine} and t.data = 1`,
    [parameter],
  );
  for (const worker of new Set(holds.map((h) => h.worker)))
    await renewHolds(
      tx,
      words,
      holds.filter((h) => h.worker === worker).map((h) => h.run_id),
      { worker, untilMs },
    );
  const held = await tx.all<{ id: number; attempt: number; run_id: number }>(
    `select t.id, t.attempt, t.run_id ${mine} order by t.id${words.forUpdate === '' ? '' : ' for update of t'}`,
    [parameter],
  );
  const ids = listOf(held.map(({ id }) => id));
  await tx.run(
    `update tasks set lease_until_ms = $2
     where id ${words.amongIds('$1')} and lease_until_ms < $2`,
    [ids, untilMs],
  );
  const ending = await tx.all<{ id: number }>(
    `select id from runs where id ${words.amongIds('$1')} and state = 'cancelling'`,
    [listOf(new Set(held.map((t) => t.run_id)))],
  );
  // An earlier attempt of the same worker may be among the claims: it is lost, though the task is not.
  const tasks = new Map(held.map((t) => [t.id, t]));
  const stands = (claim: Claim): boolean => tasks.get(claim.taskId)?.attempt === claim.attempt;
  const cancelling = new Set(ending.map(({ id }) => id));
  return {
    lost: claims.filter((c) => !stands(c)),
    cancelled: claims.filter((c) => stands(c) && cancelling.has(tasks.get(c.taskId)!.run_id)),
  };
}

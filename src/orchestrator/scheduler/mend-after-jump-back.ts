import { sqlWords } from '../runs/sql-words.ts';
import type { StoreTransaction } from '../store/store.ts';

/**
 * Takes moments that were ahead of the clock by no more than it went back to where they belong, or everything would stand
 * still until the clock has caught up: tasks that could be claimed can be, retries and sensors wait as long as they would
 * have, and the dead are found out within a lease's time. Leases of the living are renewed long before.
 */
export async function mendAfterJumpBack(tx: StoreTransaction, byMs: number, leaseMs: number): Promise<void> {
  const { forUpdate } = sqlWords(tx.capabilities);
  const { nowMs } = tx;
  const leaseUntilMs = nowMs + leaseMs;
  // Runs before tasks, each by id: the order of locks everywhere.
  await tx.run(
    `update runs set holder_until_ms = $1 where id in
       (select id from runs where holder is not null and holder_until_ms > $1 order by id${forUpdate})`,
    [leaseUntilMs],
  );
  await tx.run(
    `update tasks set lease_until_ms = $1 where id in
       (select id from tasks where state = 'running' and lease_until_ms > $1 order by id${forUpdate})`,
    [leaseUntilMs],
  );
  await tx.run(
    `update tasks set ready_at_ms = case when ready_at_ms + $2 > $1 then ready_at_ms + $2 else $1 end where id in
       (select id from tasks where state = 'ready' and ready_at_ms > $1 order by id${forUpdate})`,
    [nowMs, byMs],
  );
  await tx.run('update workers set heartbeat_at_ms = $1 where heartbeat_at_ms > $1', [nowMs]);
}

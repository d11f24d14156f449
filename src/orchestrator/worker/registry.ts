import { SparkifyError } from '../../core/errors.ts';
import { formatInstant } from '../../pipeline/interval.ts';
import type { Store, StoreTransaction } from '../store/store.ts';
import type { WorkerRow } from '../store/tables.ts';
import { identityText, isAlive, type ProcessIdentity, parseIdentity } from './process-identity.ts';

/** Who a worker is, as the store shows it. */
export interface Registration {
  readonly kind: WorkerRow['kind'];
  readonly identity: ProcessIdentity;
  /** Tells it from other workers of the process. @default '' */
  readonly label?: string;
  readonly queues: readonly string[];
  readonly slots: number;
}

export interface Registered {
  readonly id: string;
  leave(): Promise<void>;
}

/**
 * A process of another place (host, container) that has said nothing for so long is taken for dead. Its heart beats with
 * each renewal of its leases, several times within this time.
 */
export const SILENT_MS = 60_000;

/**
 * Writes the worker down. Workers whose process is seen to be dead are buried first, so that what they had is free at once.
 * @throws NODE_RUNNING for a second `up` on a store that belongs to one machine
 */
export async function registerWorker(store: Store, registration: Registration): Promise<Registered> {
  const { kind, identity, queues, slots, label = '' } = registration;
  const { host, pid } = identity;
  const id = await store.write(async (tx) => {
    const others = await workers(tx);
    for (const other of others) if (livesStill(other, identity, tx.nowMs) === false) await bury(tx, other);
    const up = others.find((o) => o.kind === 'up' && livesStill(o, identity, tx.nowMs) !== false);
    if (kind === 'up' && up !== undefined && !tx.capabilities.shared)
      throw new SparkifyError('NODE_RUNNING', {
        what: 'up',
        holder: `process ${up.pid} on ${up.host}, since ${formatInstant(up.started_at_ms)}`,
      });
    const own = `${host}:${pid}:${tx.nowMs.toString(36)}${label === '' ? '' : `:${label}`}`;
    await tx.db
      .insertInto('workers')
      .values({
        id: own,
        kind,
        host,
        pid,
        identity_json: identityText(identity),
        queues_json: JSON.stringify(queues),
        slots,
        started_at_ms: tx.nowMs,
        heartbeat_at_ms: tx.nowMs,
      })
      .execute();
    tx.emit({ type: 'worker.started', worker: own, host, pid });
    return own;
  });
  return {
    id,
    leave: () =>
      store.write(async (tx) => {
        if ((await tx.run('delete from workers where id = $1', [id])) === 0) return;
        tx.emit({ type: 'worker.stopped', worker: id, host, pid });
      }),
  };
}

/** Whether there is somebody to bury; a question that changes nothing. */
export async function hasDeadWorkers(store: Store, own: ProcessIdentity, nowMs: number): Promise<boolean> {
  const rows = await store.db.selectFrom('workers').selectAll().execute();
  return rows.some((w) => !livesStill(w, own, nowMs));
}

/** Buries the workers that are dead or have been silent for too long; how many. */
export async function buryDeadWorkers(store: Store, own: ProcessIdentity): Promise<number> {
  return store.write(async (tx) => {
    const dead = (await workers(tx)).filter((w) => livesStill(w, own, tx.nowMs) === false);
    for (const worker of dead) await bury(tx, worker);
    return dead.length;
  });
}

function workers(tx: StoreTransaction): Promise<readonly WorkerRow[]> {
  const lock = tx.capabilities.skipLocked ? ' for update' : '';
  return tx.all<WorkerRow>(`select * from workers order by started_at_ms, id${lock}`);
}

/** A process of the same place is looked at; of others only their silence is known. */
function livesStill(worker: WorkerRow, own: ProcessIdentity, nowMs: number): boolean {
  const identity = worker.identity_json === null ? undefined : parseIdentity(worker.identity_json);
  const seen = identity === undefined ? undefined : isAlive(identity, own);
  return seen ?? nowMs - worker.heartbeat_at_ms <= SILENT_MS;
}

/** What it had leased or held is nobody's from now on; `expire` of the queue gives it to others. */
async function bury(tx: StoreTransaction, { id, host, pid }: WorkerRow): Promise<void> {
  await tx.run("update tasks set lease_until_ms = 0 where worker = $1 and state = 'running'", [id]);
  await tx.run('update runs set holder_until_ms = 0 where holder = $1', [id]);
  await tx.run('delete from workers where id = $1', [id]);
  tx.emit({ type: 'worker.lost', worker: id, host, pid });
}

import { SparkifyError } from '../../core/errors.ts';
import { formatInstant } from '../../pipeline/interval.ts';
import type { Store, StoreTransaction } from '../store/store.ts';
import type { WorkerRow } from '../store/tables.ts';
import { isAlive, type ProcessIdentity, parseIdentity } from './process-identity.ts';

/** Who a worker is, as the store shows it. */
export interface Registration {
  readonly kind: WorkerRow['kind'];
  readonly identity: ProcessIdentity;
  /** Part of its id. @default none */
  readonly label?: string;
  readonly queues: readonly string[];
  readonly slots: number;
  /** Its warehouse is a file that belongs to one process. @default false */
  readonly embedded?: boolean;
  /** Name of its folder of segments, which all workers must share. */
  readonly segments?: string;
}

export interface Registered {
  readonly id: string;
  /** Who has the embedded warehouse, when it is not this worker: tasks on data are left to it. */
  readonly dataWith: string | undefined;
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
 * @throws SEGMENTS_APART when another worker has another folder of segments
 */
export async function registerWorker(store: Store, registration: Registration): Promise<Registered> {
  const { kind, identity, queues, slots, label = '', segments } = registration;
  const { host, pid } = identity;
  const embedded = registration.embedded === true;
  const { id, dataWith } = await store.write(async (tx) => {
    const alive: WorkerRow[] = [];
    for (const other of await workers(tx)) {
      if (livesStill(other, identity, tx.nowMs)) alive.push(other);
      else await bury(tx, other);
    }
    const up = alive.find((o) => o.kind === 'up');
    if (kind === 'up' && up !== undefined && !tx.capabilities.shared)
      throw new SparkifyError('NODE_RUNNING', { what: 'up', holder: describe(up) });
    const apart = alive.find((o) => segments !== undefined && (placeOf(o).segments ?? segments) !== segments);
    if (apart !== undefined) throw new SparkifyError('SEGMENTS_APART', { other: describe(apart) });
    // A command waits for the file instead, for it has a run to carry out.
    const owner = embedded && kind !== 'command' ? alive.find((o) => placeOf(o).embedded === true) : undefined;
    const own = freeId(
      `${host}:${pid}:${tx.nowMs.toString(36)}${label === '' ? '' : `:${label}`}`,
      alive.map((o) => o.id),
    );
    const place: Place = {
      ...identity,
      ...(segments === undefined ? {} : { segments }),
      ...(embedded && owner === undefined && kind !== 'command' ? { embedded } : {}),
    };
    await tx.db
      .insertInto('workers')
      .values({
        id: own,
        kind,
        host,
        pid,
        identity_json: JSON.stringify(place),
        queues_json: JSON.stringify(queues),
        slots,
        started_at_ms: tx.nowMs,
        heartbeat_at_ms: tx.nowMs,
      })
      .execute();
    tx.emit({ type: 'worker.started', worker: own, host, pid });
    return { id: own, dataWith: owner === undefined ? undefined : describe(owner) };
  });
  return {
    id,
    dataWith,
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

/** Whether a process that is not this one is, or lately was, a worker of the store. */
export async function isOtherWorker(
  store: Store,
  own: ProcessIdentity,
  { host, pid }: { readonly host: string; readonly pid: number },
): Promise<boolean> {
  // Long names of hosts are cut where connections carry them.
  const isMeant = (worker: { readonly host: string; readonly pid: number }): boolean =>
    worker.pid === pid && worker.host.startsWith(host);
  if (isMeant(own)) return false;
  const there = await store.db.selectFrom('workers').select(['host', 'pid']).where('pid', '=', pid).execute();
  if (there.some(isMeant)) return true;
  const lost = await store.db
    .selectFrom('events')
    .select('body_json')
    .where('type', '=', 'worker.lost')
    .orderBy('seq', 'desc')
    .limit(LOST_KNOWN)
    .execute();
  return lost.some(({ body_json: body }) =>
    isMeant(JSON.parse(body) as { readonly host: string; readonly pid: number }),
  );
}

/** Of workers that were lost, so many are remembered by what they held. */
const LOST_KNOWN = 100;

function workers(tx: StoreTransaction): Promise<readonly WorkerRow[]> {
  const lock = tx.capabilities.skipLocked ? ' for update' : '';
  return tx.all<WorkerRow>(`select * from workers order by started_at_ms, id${lock}`);
}

/** Of several workers that a process begins in one moment, each has an id of its own. */
function freeId(wanted: string, taken: readonly string[]): string {
  let id = wanted;
  for (let n = 2; taken.includes(id); n++) id = `${wanted}.${n}`;
  return id;
}

/** What the store keeps of a worker besides its columns. */
interface Place extends ProcessIdentity {
  readonly segments?: string;
  readonly embedded?: true;
}

function placeOf(worker: WorkerRow): Partial<Place> {
  return worker.identity_json === null ? {} : (JSON.parse(worker.identity_json) as Partial<Place>);
}

function describe({ pid, host, started_at_ms: sinceMs }: WorkerRow): string {
  return `process ${pid} on ${host}, since ${formatInstant(sinceMs)}`;
}

/** A process of the same place is looked at; of others only their silence is known. */
function livesStill(worker: WorkerRow, own: ProcessIdentity, nowMs: number): boolean {
  const identity = worker.identity_json === null ? undefined : parseIdentity(worker.identity_json);
  const seen = identity === undefined ? undefined : isAlive(identity, own);
  return seen ?? nowMs - worker.heartbeat_at_ms <= SILENT_MS;
}

/** What it had leased or held is nobody's from now on; `expire` of the queue gives it to others. */
async function bury(tx: StoreTransaction, { id, host, pid }: WorkerRow): Promise<void> {
  // Runs before tasks, as everywhere (runs/run-changes.ts).
  await tx.run('update runs set holder_until_ms = 0 where holder = $1', [id]);
  await tx.run("update tasks set lease_until_ms = 0 where worker = $1 and state = 'running'", [id]);
  await tx.run('delete from workers where id = $1', [id]);
  tx.emit({ type: 'worker.lost', worker: id, host, pid });
}

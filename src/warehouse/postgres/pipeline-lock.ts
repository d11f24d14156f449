import { createHash } from 'node:crypto';
import type { PostgresClients } from './clients.ts';
import { type NamedProcess, processNamed, processSuffix } from './process-name.ts';
import type { PostgresSession } from './session.ts';

/** A holder whose time is over has so long to let go by itself. */
const LET_GO_MS = 1_000;

export interface PipelineLockOptions {
  readonly onWait: (holder: string) => void;
  readonly signal?: AbortSignal;
  /**
   * Whether a process that has the lock has lost the right to it: it stands still, or its machine is gone. Its connections
   * are then ended by the server, so that nothing of it is committed any more. @default never
   */
  readonly isSuperseded?: (holder: NamedProcess) => Promise<boolean>;
}

/**
 * Takes the advisory lock of a pipeline on a connection of its own, so that it lasts over transactions and ends with
 * the process. While it is taken, `onWait` is told once who has it.
 * @returns the release
 * @throws the signal's reason when it fires while waiting
 */
export async function lockPipeline(
  clients: PostgresClients,
  pipeline: string,
  options: PipelineLockOptions,
): Promise<() => Promise<void>> {
  options.signal?.throwIfAborted();
  const { session, close } = await clients.connectAlone();
  const key = lockKey(pipeline);
  try {
    const [tried] = await session.all<{ held: boolean }>('select pg_try_advisory_lock($1::bigint) as held', [key]);
    if (tried?.held !== true) {
      options.onWait(describe(await holderOf(session, key)));
      await waitForLock(clients, session, key, options);
    }
  } catch (error) {
    await close();
    throw error;
  }
  return close;
}

async function waitForLock(
  clients: PostgresClients,
  session: PostgresSession,
  key: bigint,
  { signal, isSuperseded }: PipelineLockOptions,
): Promise<void> {
  const [own] = await session.all<{ pid: number }>('select pg_backend_pid() as pid');
  const cancel = (): void => {
    clients
      .withSession('begin', async (other) => {
        await other.all('select pg_cancel_backend($1::int)', [own!.pid]);
        await other.exec('commit');
      })
      .catch(() => undefined);
  };
  signal?.addEventListener('abort', cancel, { once: true });
  const evicting =
    isSuperseded === undefined
      ? undefined
      : setInterval(() => void evict(clients, key, isSuperseded).catch(() => undefined), LET_GO_MS);
  try {
    signal?.throwIfAborted();
    await session.all('select pg_advisory_lock($1::bigint)::text as locked', [key]);
    signal?.throwIfAborted();
  } catch (error) {
    throw signal?.aborted === true ? signal.reason : error;
  } finally {
    clearInterval(evicting);
    signal?.removeEventListener('abort', cancel);
  }
}

/** Ends every connection of a holder that has no right to the lock any more; a failure is tried again with the next look. */
async function evict(
  clients: PostgresClients,
  key: bigint,
  isSuperseded: (holder: NamedProcess) => Promise<boolean>,
): Promise<void> {
  const holder = await clients.withSession('begin read only', async (session) => {
    const found = await holderOf(session, key);
    await session.exec('commit');
    return found === undefined ? undefined : processNamed(found.name);
  });
  if (holder === undefined || !(await isSuperseded(holder))) return;
  const suffix = processSuffix(holder);
  await clients.withSession('begin', async (session) => {
    await session.all(
      `select pg_terminate_backend(pid) from pg_stat_activity
       where datname = current_database() and pid <> pg_backend_pid() and right(application_name, length($1)) = $1`,
      [suffix],
    );
    await session.exec('commit');
  });
}

interface Holder {
  readonly name: string;
  readonly address: string | null;
  readonly pid: number;
  readonly since: Date | null;
}

async function holderOf(session: PostgresSession, key: bigint): Promise<Holder | undefined> {
  const unsigned = BigInt.asUintN(64, key);
  const [row] = await session.all<Holder>(
    `select a.application_name as name, host(a.client_addr) as address, a.pid, a.backend_start as since
     from pg_locks l join pg_stat_activity a on a.pid = l.pid
     where l.locktype = 'advisory' and l.granted and l.objsubid = 1
       and l.database = (select oid from pg_database where datname = current_database())
       and l.classid::bigint = $1::bigint and l.objid::bigint = $2::bigint`,
    [unsigned >> 32n, unsigned & 0xffffffffn],
  );
  return row;
}

function describe(holder: Holder | undefined): string {
  if (holder === undefined) return 'another run that is just ending';
  const client = processNamed(holder.name);
  const who = client === undefined ? holder.name || 'another client' : `process ${client.pid} on ${client.host}`;
  const since = holder.since === null ? '' : `, since ${holder.since.toISOString()}`;
  return `${who} (${holder.address ?? 'local socket'}, server process ${holder.pid}${since})`;
}

function lockKey(pipeline: string): bigint {
  return createHash('sha256').update(`sparkify pipeline ${pipeline}`).digest().readBigInt64BE(0);
}

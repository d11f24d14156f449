import { createHash } from 'node:crypto';
import { hostname } from 'node:os';
import type { PostgresClients } from './clients.ts';
import type { PostgresSession } from './session.ts';

const NAME_BYTES_MAX = 63;

/**
 * Takes the advisory lock of a pipeline on a connection of its own, so that it lasts over transactions and ends with
 * the process. While it is taken, `onWait` is told once who has it.
 * @returns the release
 * @throws the signal's reason when it fires while waiting
 */
export async function lockPipeline(
  clients: PostgresClients,
  pipeline: string,
  options: { readonly onWait: (holder: string) => void; readonly signal?: AbortSignal },
): Promise<() => Promise<void>> {
  options.signal?.throwIfAborted();
  const { session, close } = await clients.connectAlone(applicationName());
  const key = lockKey(pipeline);
  try {
    const [tried] = await session.all<{ held: boolean }>('select pg_try_advisory_lock($1::bigint) as held', [key]);
    if (tried?.held !== true) {
      options.onWait(await describeHolder(session, key));
      await waitForLock(clients, session, key, options.signal);
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
  signal: AbortSignal | undefined,
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
  try {
    signal?.throwIfAborted();
    await session.all('select pg_advisory_lock($1::bigint)::text as locked', [key]);
    signal?.throwIfAborted();
  } catch (error) {
    throw signal?.aborted === true ? signal.reason : error;
  } finally {
    signal?.removeEventListener('abort', cancel);
  }
}

/** `sparkify host:pid`: a backend knows the address of its client, but not its process. */
function applicationName(): string {
  const pid = `:${process.pid}`;
  return `sparkify ${hostname()}`.slice(0, NAME_BYTES_MAX - pid.length) + pid;
}

async function describeHolder(session: PostgresSession, key: bigint): Promise<string> {
  const unsigned = BigInt.asUintN(64, key);
  const [row] = await session.all<{ name: string; address: string | null; pid: number; since: Date | null }>(
    `select a.application_name as name, host(a.client_addr) as address, a.pid, a.backend_start as since
     from pg_locks l join pg_stat_activity a on a.pid = l.pid
     where l.locktype = 'advisory' and l.granted and l.objsubid = 1
       and l.database = (select oid from pg_database where datname = current_database())
       and l.classid::bigint = $1::bigint and l.objid::bigint = $2::bigint`,
    [unsigned >> 32n, unsigned & 0xffffffffn],
  );
  if (row === undefined) return 'another run that is just ending';
  const client = /^sparkify (.+):(\d+)$/.exec(row.name);
  const who = client === null ? row.name || 'another client' : `process ${client[2]} on ${client[1]}`;
  const since = row.since === null ? '' : `, since ${row.since.toISOString()}`;
  return `${who} (${row.address ?? 'local socket'}, server process ${row.pid}${since})`;
}

function lockKey(pipeline: string): bigint {
  return createHash('sha256').update(`sparkify pipeline ${pipeline}`).digest().readBigInt64BE(0);
}

import { chmodSync, lstatSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { SparkifyError } from '../../core/errors.ts';
import type { DuckSession } from '../../warehouse/duckdb/session.ts';
import type { ResultBatch } from '../../warehouse/session.ts';
import type { Warehouse } from '../../warehouse/warehouse.ts';
import { requireReading } from './guard.ts';
import {
  type Begun,
  holderFilePath,
  messages,
  PROTOCOL,
  type Reply,
  type Request,
  readHolderFile,
  requestSchema,
  send,
  sentError,
  truePath,
  writeHolderFile,
} from './protocol.ts';

/** Longest path of a socket that every system takes. */
const SOCKET_PATH_BYTES = 103;

/** A reader that asks nothing for so long is not waited for at the end. */
const IDLE_MS = 10_000;

/** The read service of a process that holds an embedded file. */
export interface Holder {
  /**
   * Takes no new reader, lets those that are at work finish, and then ends. Readers that ask for nothing for ten seconds,
   * and all of them once `signal` is aborted, are cut off.
   */
  close(options: { readonly signal: AbortSignal; readonly onWait: (readers: number) => void }): Promise<void>;
}

interface Reader {
  readonly socket: Socket;
  /** performance.now() of its last answer; undefined while it is being answered. */
  idleSinceMs: number | undefined;
}

/**
 * Serves snapshots of an embedded warehouse to other processes of this user, for as long as this process writes to it.
 * Without a socket of that kind (another system, a full disk) it serves nobody, and the file is simply busy to others.
 */
export async function listen(warehouse: Warehouse): Promise<Holder> {
  const nobody: Holder = { close: async () => {} };
  const { path } = warehouse.compute;
  if (!warehouse.capabilities.embedded || path === ':memory:' || process.platform === 'win32') return nobody;
  let folder: string | undefined;
  try {
    const file = holderFilePath(path);
    await clearStale(file);
    folder = await socketFolder();
    const socket = join(folder, 's');
    const readers = new Set<Reader>();
    const server = createServer((connection) => void serve(warehouse, connection, readers));
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(socket, resolve);
    });
    server.on('error', () => {});
    server.unref();
    chmodSync(socket, 0o600);
    await writeHolderFile(file, {
      protocol: PROTOCOL,
      pid: process.pid,
      startedAt: new Date(Date.now() - process.uptime() * 1000).toISOString(),
      socket,
    });
    return { close: (options) => end({ server, readers, file, socket }, options) };
  } catch {
    if (folder !== undefined) await rm(folder, { recursive: true, force: true });
    return nobody;
  }
}

async function socketFolder(): Promise<string> {
  const fits = Buffer.byteLength(join(tmpdir(), 'sparkify-XXXXXX', 's')) <= SOCKET_PATH_BYTES;
  // mkdtemp makes the folder for this user alone.
  return mkdtemp(join(fits ? tmpdir() : '/tmp', 'sparkify-'));
}

/** The file is locked by this process, so what another one left beside it stands for nothing. */
async function clearStale(file: string): Promise<void> {
  const left = await readHolderFile(file);
  if (left !== undefined && left.pid !== process.pid) {
    const folder = dirname(left.socket);
    const found = lstatSync(folder, { throwIfNoEntry: false });
    if (/^sparkify-\w{6}$/.test(basename(folder)) && found?.isDirectory() && found.uid === process.getuid?.())
      await rm(folder, { recursive: true, force: true });
  }
  await rm(file, { force: true });
}

async function serve(warehouse: Warehouse, socket: Socket, readers: Set<Reader>): Promise<void> {
  const reader: Reader = { socket, idleSinceMs: performance.now() };
  readers.add(reader);
  socket.on('error', () => {});
  const sessions = { reading: await warehouse.compute.connect(), parsing: await warehouse.compute.connect() };
  const interrupt = (): void => sessions.reading.interrupt();
  socket.once('close', interrupt);
  try {
    const answer = answering(warehouse, sessions.reading, sessions.parsing);
    for await (const message of messages(socket)) {
      reader.idleSinceMs = undefined;
      await send(socket, await replyOf(() => answer(requestSchema.parse(message))));
      reader.idleSinceMs = performance.now();
    }
  } catch {
    // The reader is gone; nobody is left to be told.
  } finally {
    socket.off('close', interrupt);
    await sessions.reading.exec('rollback').catch(() => undefined);
    sessions.reading.close();
    sessions.parsing.close();
    socket.destroy();
    readers.delete(reader);
  }
}

async function replyOf(answer: () => Promise<unknown>): Promise<Reply> {
  try {
    return { ok: true, value: await answer() };
  } catch (error) {
    return { ok: false, error: sentError(error) };
  }
}

/** State: nothing → begun (a snapshot) → perhaps a stream in it; a new statement ends the stream before it. */
function answering(warehouse: Warehouse, session: DuckSession, parser: DuckSession) {
  const segmentsDirectory = warehouse.segments.directory;
  let begun = false;
  let stream: AsyncIterator<ResultBatch> | undefined;
  return async (request: Request): Promise<unknown> => {
    if (request.op === 'begin') {
      if (begun || request.path !== truePath(warehouse.compute.path)) throw outOfOrder();
      await session.exec('begin transaction read only');
      begun = true;
      return { segmentsDirectory } satisfies Begun;
    }
    if (!begun) throw outOfOrder();
    if (request.op === 'next') {
      if (stream === undefined) throw outOfOrder();
      const { value, done } = await stream.next();
      return done === true ? undefined : value;
    }
    const { op, sql, params } = request;
    await stream?.return?.();
    stream = undefined;
    await requireReading(parser, sql, segmentsDirectory);
    if (op === 'exec') return session.exec(sql, params);
    if (op === 'all') return session.all(sql, params);
    stream = session.stream(sql, params)[Symbol.asyncIterator]();
    return undefined;
  };
}

function outOfOrder(): SparkifyError {
  return new SparkifyError('INTERNAL', { detail: 'a reader of the held warehouse asked for what cannot be answered' });
}

async function end(
  held: { readonly server: Server; readonly readers: Set<Reader>; readonly file: string; readonly socket: string },
  options: Parameters<Holder['close']>[0],
): Promise<void> {
  const { server, readers, file, socket } = held;
  if ((await readHolderFile(file))?.socket === socket) await rm(file, { force: true });
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  const cut = (): void => {
    const now = performance.now();
    for (const r of readers)
      if (options.signal.aborted || (r.idleSinceMs !== undefined && now - r.idleSinceMs > IDLE_MS)) r.socket.destroy();
  };
  const timer = setInterval(cut, 500);
  options.signal.addEventListener('abort', cut);
  try {
    cut();
    if (readers.size > 0) options.onWait(readers.size);
    await closed;
    // A connection ends before its session does, and the file may close only after both.
    while (readers.size > 0) await new Promise((resolve) => setTimeout(resolve, 5));
  } finally {
    clearInterval(timer);
    options.signal.removeEventListener('abort', cut);
    await rm(dirname(socket), { recursive: true, force: true });
  }
}

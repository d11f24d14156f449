import { lstatSync } from 'node:fs';
import { createConnection, type Socket } from 'node:net';
import { dirname } from 'node:path';
import { SparkifyError } from '../../core/errors.ts';
import { folderSegments } from '../../segments/folder.ts';
import type { Owner, SegmentStore } from '../../segments/store.ts';
import type { Capabilities } from '../../warehouse/capabilities.ts';
import type { DuckDatabase } from '../../warehouse/duckdb/database.ts';
import { duckdbDialect } from '../../warehouse/duckdb/dialect.ts';
import { embeddedCapabilities } from '../../warehouse/duckdb/warehouse.ts';
import type { ResultBatch, Row, SqlSession, SqlValue } from '../../warehouse/session.ts';
import type { Warehouse } from '../../warehouse/warehouse.ts';
import {
  type Begun,
  type HolderFile,
  holderFilePath,
  messages,
  PROTOCOL,
  type Reply,
  type Request,
  readHolderFile,
  receivedError,
  send,
  truePath,
} from './protocol.ts';

/** A process that is stopped takes connections and answers none. */
const ANSWER_MS = 3000;

/**
 * The embedded warehouse of a path, read through the process that holds it for writing; undefined when that process is
 * none of this user's, is gone, or does not answer.
 */
export async function askHolder(path: string): Promise<Warehouse | undefined> {
  const file = holderFilePath(path);
  const holder = await readHolderFile(file);
  if (holder === undefined || holder.protocol !== PROTOCOL || !isOwn(file, holder)) return undefined;
  try {
    const first = await Connection.open(holder, path);
    const { segmentsDirectory } = first.begun;
    first.close();
    return new HeldWarehouse(path, segmentsDirectory, holder);
  } catch {
    return undefined;
  }
}

/** Both are for this user alone, so nobody else has put them there. */
function isOwn(file: string, { socket }: HolderFile): boolean {
  const uid = process.getuid?.();
  return [file, dirname(socket)].every((path) => {
    const found = lstatSync(path, { throwIfNoEntry: false });
    return found !== undefined && found.uid === uid && (found.mode & 0o077) === 0;
  });
}

/** Reads only; a connection for every snapshot. */
class HeldWarehouse implements Warehouse {
  readonly url: string;
  readonly capabilities: Capabilities = embeddedCapabilities;
  readonly dialect = duckdbDialect;
  readonly segments: SegmentStore;
  readonly #path: string;
  readonly #holder: HolderFile;

  constructor(path: string, segmentsDirectory: string, holder: HolderFile) {
    this.url = `duckdb:${path}`;
    this.segments = folderSegments(segmentsDirectory);
    this.#path = path;
    this.#holder = holder;
  }

  get compute(): DuckDatabase {
    throw this.#busy();
  }

  async identity(): Promise<Owner> {
    return { id: this.url, shown: this.url };
  }

  async read<T>(work: (session: SqlSession) => Promise<T>): Promise<T> {
    const connection = await Connection.open(this.#holder, this.#path);
    try {
      return await work(new HeldSession(connection));
    } finally {
      connection.close();
    }
  }

  async transaction(): Promise<never> {
    throw this.#busy();
  }

  async load(): Promise<never> {
    throw this.#busy();
  }

  async lockPipeline(): Promise<never> {
    throw this.#busy();
  }

  async close(): Promise<void> {}

  #busy(): SparkifyError {
    return new SparkifyError('WAREHOUSE_BUSY', { path: this.#path, holder: `process ${this.#holder.pid}` });
  }
}

class HeldSession implements SqlSession {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  exec(sql: string, params: readonly SqlValue[] = []): Promise<number> {
    return this.#connection.request<number>({ op: 'exec', sql, params: [...params] });
  }

  all<T extends object = Row>(sql: string, params: readonly SqlValue[] = []): Promise<readonly T[]> {
    return this.#connection.request<readonly T[]>({ op: 'all', sql, params: [...params] });
  }

  async *stream(sql: string, params: readonly SqlValue[] = []): AsyncIterable<ResultBatch> {
    await this.#connection.request({ op: 'open', sql, params: [...params] });
    for (;;) {
      const batch = await this.#connection.request<ResultBatch | undefined>({ op: 'next' });
      if (batch === undefined) return;
      yield batch;
    }
  }

  async insertRows(): Promise<never> {
    throw new SparkifyError('INTERNAL', { detail: 'a reader of a held warehouse cannot write' });
  }

  async insertColumns(): Promise<never> {
    return this.insertRows();
  }
}

/** One snapshot, from its first request to its end. */
class Connection {
  readonly begun: Begun;
  readonly #socket: Socket;
  readonly #replies: AsyncGenerator<unknown, void, undefined>;
  readonly #holder: HolderFile;
  readonly #path: string;

  private constructor(open: {
    readonly socket: Socket;
    readonly replies: AsyncGenerator<unknown, void, undefined>;
    readonly holder: HolderFile;
    readonly path: string;
    readonly begun: Begun;
  }) {
    this.#socket = open.socket;
    this.#replies = open.replies;
    this.#holder = open.holder;
    this.#path = open.path;
    this.begun = open.begun;
  }

  /** @throws WAREHOUSE_HOLDER_ENDED */
  static async open(holder: HolderFile, path: string): Promise<Connection> {
    const socket = createConnection(holder.socket);
    socket.on('error', () => {});
    socket.setTimeout(ANSWER_MS, () => socket.destroy());
    const replies = messages(socket);
    const request: Request = { op: 'begin', protocol: PROTOCOL, path: truePath(path) };
    try {
      const begun = (await exchange(socket, replies, request, { holder, path })) as Begun;
      socket.setTimeout(0);
      return new Connection({ socket, replies, holder, path, begun });
    } catch (error) {
      socket.destroy();
      throw error;
    }
  }

  async request<T>(request: Request): Promise<T> {
    return (await exchange(this.#socket, this.#replies, request, { holder: this.#holder, path: this.#path })) as T;
  }

  close(): void {
    this.#socket.destroy();
  }
}

async function exchange(
  socket: Socket,
  replies: AsyncGenerator<unknown, void, undefined>,
  request: Request,
  { holder, path }: { readonly holder: HolderFile; readonly path: string },
): Promise<unknown> {
  let cause: unknown;
  try {
    await send(socket, request);
    const { value, done } = await replies.next();
    if (done !== true) {
      const reply = value as Reply;
      if (reply.ok) return reply.value;
      cause = receivedError(reply.error);
    }
  } catch (error) {
    throw ended(holder, path, error);
  }
  throw cause ?? ended(holder, path, undefined);
}

function ended(holder: HolderFile, path: string, cause: unknown): SparkifyError {
  return new SparkifyError('WAREHOUSE_HOLDER_ENDED', { path, pid: holder.pid }, { cause });
}

import { Kysely, SqliteAdapter, SqliteIntrospector } from 'kysely';
import { SparkifyError } from '../../../core/errors.ts';
import type { SchemaWords, StoreEngine } from '../engine.ts';
import { beginnings } from '../migrations/0000-beginnings.ts';
import { EmbeddedQueryCompiler } from '../query-compilers.ts';
import type { StoreTables } from '../tables.ts';
import { EmbeddedConnection } from './connection.ts';
import { EmbeddedDriver } from './driver.ts';
import { ensureStoreFile } from './file.ts';

export const sqliteWords: SchemaWords = {
  engine: 'sqlite',
  id: 'integer not null primary key autoincrement',
  integer: 'integer',
  text: 'text',
  table: 'strict',
  keyed: 'strict, without rowid',
  busy: 'strict',
};

/** Of opening alone: afterwards a busy file is waited for without holding up the process. */
export const OPEN_BUSY_MS = 10_000;

/** A reader meets a lock only while another process recovers the file or leaves it as the last one. */
const READ_BUSY_MS = 2000;

/**
 * `full`: every commit is flushed to the disk before it is told, so that it survives a power cut, not only the process.
 * It costs one flush a transaction, which batches make small.
 */
const SETTINGS = `
  pragma journal_mode = wal;
  pragma synchronous = full;
  pragma foreign_keys = on;
  pragma cache_size = -16000;
  pragma temp_store = memory;
  pragma journal_size_limit = 67108864;
`;

/** Marks a file as a store of this project ("spkf"); 0 is nobody's. */
const APPLICATION_ID = 0x73706b66;

/** Beside each other, when some of them read one moment over several statements. */
const READERS = 4;

/** A file, with one connection that writes and some that read what is committed. */
export function openEmbedded(path: string, pollMs: number): StoreEngine {
  ensureStoreFile(path);
  const writing = new EmbeddedConnection(path, OPEN_BUSY_MS);
  try {
    const fresh = isFresh(writing);
    writing.exec(SETTINGS);
    if (fresh) writing.exec(`pragma application_id = ${APPLICATION_ID}`);
    // From here on, `begin immediate` answers at once, and the wait for another process is not spent inside SQLite.
    writing.exec('pragma busy_timeout = 0');
  } catch (error) {
    writing.close();
    throw error;
  }
  const openReading = (): EmbeddedConnection => {
    const reading = new EmbeddedConnection(path, READ_BUSY_MS);
    reading.exec(`${SETTINGS}; pragma query_only = on`);
    return reading;
  };
  const readers = new EmbeddedDriver({ path, places: READERS, open: openReading, begin: 'begin' });
  const writer = new EmbeddedDriver({ path, places: 1, open: () => writing, begin: 'begin immediate' });
  return {
    url: `sqlite:${path}`,
    capabilities: { skipLocked: false, notify: false, jsonRows: 'json_each', shared: false },
    reader: kyselyOver(readers),
    writer: kyselyOver(writer),
    words: sqliteWords,
    beginnings: beginnings(sqliteWords),
    watch: (changed) => {
      const timer = setInterval(watchCommits(writing, changed), pollMs);
      timer.unref();
      return () => clearInterval(timer);
    },
    close: async () => {
      await readers.destroy();
      // So that the file alone is the whole store, to be copied or moved.
      const connection = await writer.acquireConnection();
      try {
        connection.checkpoint();
      } finally {
        await writer.releaseConnection(connection);
        await writer.destroy();
      }
    },
  };
}

/**
 * Whether the file is empty yet.
 * @throws STORE_OPEN_FAILED when it is somebody else's, which must not be changed
 */
function isFresh(connection: EmbeddedConnection): boolean {
  // One transaction: another process may be making the tables just now.
  connection.query('begin');
  const [tables] = connection.query('select count(*) as count from sqlite_schema').rows as { count: number }[];
  const [mark] = connection.query('pragma application_id').rows as { application_id: number }[];
  connection.query('commit');
  const fresh = mark!.application_id === 0 && tables!.count === 0;
  if (!fresh && mark!.application_id !== APPLICATION_ID)
    throw new SparkifyError('STORE_OPEN_FAILED', {
      store: connection.path,
      detail: 'it is a SQLite file, but not a store of sparkify',
    });
  return fresh;
}

/** A look at what other processes have committed, which calls `changed` when there were events among it. */
function watchCommits(connection: EmbeddedConnection, changed: () => void): () => void {
  let version = connection.dataVersion();
  let seq = connection.lastEvent();
  return () => {
    // A transaction of this process sees the file as it was when it began.
    if (connection.inTransaction) return;
    try {
      const now = connection.dataVersion();
      if (now === version) return;
      version = now;
      const last = connection.lastEvent();
      if (last === seq) return;
      seq = last;
    } catch {
      // Whoever reads next is told what is wrong with the file.
    }
    changed();
  };
}

function kyselyOver(driver: EmbeddedDriver): Kysely<StoreTables> {
  return new Kysely<StoreTables>({
    dialect: {
      createAdapter: () => new SqliteAdapter(),
      createDriver: () => driver,
      createIntrospector: (db) => new SqliteIntrospector(db),
      createQueryCompiler: () => new EmbeddedQueryCompiler(),
    },
  });
}

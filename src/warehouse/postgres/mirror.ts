import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { errorText, isSparkifyError, SparkifyError } from '../../core/errors.ts';
import { DuckDatabase, type DuckDatabaseOptions } from '../duckdb/database.ts';

/** The local DuckDB of a remote warehouse. */
export interface Mirror {
  readonly database: DuckDatabase;
  close(): Promise<void>;
}

export interface MirrorOptions {
  /** Absolute. */
  readonly directory: string;
  readonly memoryLimit?: string;
  readonly threads?: number;
  /** @default 'file' */
  readonly mirror?: 'file' | 'memory';
}

/**
 * Opens `mirror.duckdb` in the directory, that of the segments. The mirror is a cache: where somebody else has its file, this one
 * works with a mirror in memory, which is brought up from the ledger all the same.
 */
export async function openMirror(options: MirrorOptions): Promise<Mirror> {
  const { directory } = options;
  const settings: Omit<DuckDatabaseOptions, 'path'> = {
    tempDirectory: join(directory, 'tmp', 'spill'),
    ...(options.memoryLimit === undefined ? {} : { memoryLimit: options.memoryLimit }),
    ...(options.threads === undefined ? {} : { threads: options.threads }),
  };
  const inMemory = async (): Promise<Mirror> => {
    const database = await DuckDatabase.open({ path: ':memory:', ...settings });
    return { database, close: async () => database.close() };
  };
  await mkdir(join(directory, 'tmp'), { recursive: true }).catch((error: unknown) => {
    throw new SparkifyError('WAREHOUSE_OPEN_FAILED', { target: directory, detail: errorText(error) }, { cause: error });
  });
  if (options.mirror === 'memory') return inMemory();
  const mark = `mirror-${process.pid}-${Math.round(performance.timeOrigin)}.open`;
  if (!(await createMark(join(directory, mark)))) return inMemory();
  const unmark = (): Promise<void> => rm(join(directory, mark), { force: true });
  try {
    const database = await DuckDatabase.open({ path: join(directory, 'mirror.duckdb'), ...settings });
    await removeLeftovers(directory, mark);
    const close = async (): Promise<void> => {
      database.close();
      await unmark();
    };
    return { database, close };
  } catch (error) {
    await unmark();
    if (isSparkifyError(error) && error.code === 'WAREHOUSE_BUSY') return inMemory();
    throw error;
  }
}

/**
 * DuckDB's own lock keeps other processes out, but not a second opening in this one, which would spoil the file; this
 * mark, which carries the process in its name, is for that.
 */
async function createMark(path: string): Promise<boolean> {
  try {
    await writeFile(path, '', { flag: 'wx' });
    return true;
  } catch {
    return false;
  }
}

/** What killed processes left: marks (who has the mirror's file knows that no other mark counts) and files of loads. */
async function removeLeftovers(directory: string, ownMark: string): Promise<void> {
  const marks = (await readdir(directory)).filter((name) => /^mirror-.*\.open$/.test(name) && name !== ownMark);
  const loads = (await readdir(join(directory, 'tmp')))
    .filter((name) => !isAlive(Number(/^load-(\d+)-/.exec(name)?.[1] ?? process.pid)))
    .map((name) => join('tmp', name));
  await Promise.all([...marks, ...loads].map((name) => rm(join(directory, name), { force: true })));
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

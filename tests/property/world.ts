/** What a history is played against: a warehouse with the sparkify pipeline over one directory, behind six verbs. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type Row, tableChecksum } from './canonical.ts';
import { describeHistory, describeRows } from './describe.ts';
import type { History, Step } from './histories.ts';
import { PublishedModel, type PublishRequest } from './model.ts';
import { columnTypes, computeStar, type Match, type Star, sortedRows, TABLES, type TableName } from './reference.ts';

export interface World {
  /** Names the engine in failures. */
  readonly engine: string;
  /**
   * One run over what lies in the directory now. `prune` retracts what is gone however much it is (as with --yes-all).
   * A publish with nothing to do succeeds.
   */
  publish(request: PublishRequest): Promise<void>;
  /** f from nothing over the same V, C and D, in one publish. */
  rebuild(): Promise<void>;
  /** Merges segments whatever their number, if the engine has any. */
  compact(): Promise<void>;
  /** Closes everything and opens it again, as another process would. */
  reopen(): Promise<void>;
  /** Columns in declared order; timestamps as epoch milliseconds; integers as numbers while safe, else bigints. */
  rows(table: TableName): Promise<readonly Row[]>;
  checksum(table: TableName): Promise<bigint>;
  dispose(): Promise<void>;
}

/** `dir` holds `log_data/` and `song_data/`, which exist and are empty; D's `match` is that of every publish. */
export type WorldFactory = (dir: string, options: { readonly match: Match }) => Promise<World>;

export interface RunOptions {
  /** Compare after every publish, compaction, rebuild and reopening, or once at the end. @default 'every' */
  readonly compare?: 'every' | 'end';
  /** Rebuild after the last step and compare once more. @default false */
  readonly finalRebuild?: boolean;
}

async function mismatch(world: World, expected: Star): Promise<string | undefined> {
  for (const table of TABLES) {
    const actual = sortedRows(await world.rows(table));
    const difference = describeRows(table, actual, expected[table]);
    if (difference !== undefined) return difference;
    const checksum = await world.checksum(table);
    const reference = tableChecksum(expected[table], columnTypes(table));
    if (checksum !== reference) return `${table}: equal rows, but checksum ${checksum} and not ${reference}`;
  }
  return undefined;
}

async function apply(world: World, dir: string, step: Step): Promise<void> {
  switch (step.do) {
    case 'write':
      await mkdir(dirname(join(dir, step.path)), { recursive: true });
      return writeFile(join(dir, step.path), step.text);
    case 'delete':
      return rm(join(dir, step.path));
    case 'publish':
      return world.publish(step);
    default:
      return world[step.do]();
  }
}

/**
 * Plays the history against the world and compares every table, row for row and by checksum, with the reference.
 * @throws an Error that shows the history up to the failing step and the first rows that differ
 */
export async function runHistory(world: World, dir: string, history: History, options: RunOptions = {}): Promise<void> {
  const tree = new Map<string, readonly string[]>();
  const model = new PublishedModel();
  const steps: readonly Step[] = options.finalRebuild ? [...history.steps, { do: 'rebuild' }] : history.steps;
  let expected = computeStar(model.input(history.match));

  for (const [index, step] of steps.entries()) {
    const fail = (what: string, cause?: unknown): never => {
      const shown = describeHistory({ ...history, steps: steps.slice(0, index + 1) });
      throw new Error(`${world.engine}: ${what}\nafter step ${index + 1} of\n${shown}`, { cause });
    };
    try {
      await apply(world, dir, step);
    } catch (error) {
      fail(`${step.do} failed: ${error instanceof Error ? error.message : String(error)}`, error);
    }
    if (step.do === 'write') tree.set(step.path, step.records);
    else if (step.do === 'delete') tree.delete(step.path);
    else if (step.do === 'publish') {
      model.publish(tree, step);
      expected = computeStar(model.input(history.match));
    }
    // Before the final rebuild as well: a rebuild would mend what the history left wrong.
    const isLast = index >= history.steps.length - 1;
    const isVisible = step.do !== 'write' && step.do !== 'delete';
    if (isLast || (isVisible && options.compare !== 'end')) {
      const difference = await mismatch(world, expected);
      if (difference !== undefined) fail(difference);
    }
  }
}

/** {@link runHistory} in a directory and a world of its own, both removed at the end. */
export async function checkHistory(factory: WorldFactory, history: History, options: RunOptions = {}): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), 'sparkify-history-'));
  try {
    await mkdir(join(dir, 'log_data'));
    await mkdir(join(dir, 'song_data'));
    const world = await factory(dir, { match: history.match });
    try {
      await runHistory(world, dir, history, options);
    } finally {
      await world.dispose();
    }
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

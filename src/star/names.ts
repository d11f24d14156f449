import { qualified } from '../core/quoting.ts';

/**
 * Where the compute engine keeps what belongs to a batch and what it remembers between batches.
 * `sparkify_batch`: deltas beside the star, dropped after the publish. `sparkify_state`: a function of (V, C, D),
 * kept because it is dear to compute: who lost to whom, and the winner of each dimension key.
 */
export const BATCH_SCHEMA = 'sparkify_batch';
export const STATE_SCHEMA = 'sparkify_state';

export type BatchPart = 'in' | 'out' | 'contenders' | 'add' | 'remove' | 'winners';

/** A table of the open batch; `of` is a staging's or star table's name. */
export function batchTable(pipeline: string, part: BatchPart, of = ''): string {
  return qualified(BATCH_SCHEMA, batchTableName(pipeline, part, of));
}

export function batchTableName(pipeline: string, part: BatchPart, of = ''): string {
  return `${pipeline}:${part}:${of}`;
}

/** (staging, _object, _row) of every record that is in force but lost to another of its key. */
export function losersTable(pipeline: string): string {
  return qualified(STATE_SCHEMA, `${pipeline}:losers`);
}

/** (key columns, o1 … on, _object, _row): the winner of every key of a dimension. */
export function winnersTable(pipeline: string, dimension: string): string {
  return qualified(STATE_SCHEMA, `${pipeline}:winners:${dimension}`);
}

/** One row a pipeline: (pipeline, epoch, coverage as JSON): the publish that star and state in this engine stand for. */
export const standTable = qualified(STATE_SCHEMA, 'stand');

/** The whole new content of a table, before it takes its place. */
export function nextTableName(table: string): string {
  return `${table}$next`;
}

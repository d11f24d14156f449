import type { Check } from './check.ts';
import type { OperatorSpec } from './operator.ts';
import type { Calendar, Dimension, Fact, SqlTable, Staging } from './tables.ts';
import { type NamedOptions, single, type TaskSet } from './task.ts';
import type { TaskOptions } from './task-options.ts';

function named(usual: string, operator: OperatorSpec, options: NamedOptions): TaskSet {
  if (typeof options === 'string') return single(options, operator);
  const { name = usual, ...given } = options;
  return single(name, operator, given);
}

/** Makes the star's tables where they lack. */
export const createTables = (options: NamedOptions = {}): TaskSet =>
  named('create_tables', { kind: 'create-tables' }, options);

/** Reads the new objects of a source into its staging table. */
export const stage = (table: Staging, options: NamedOptions = {}): TaskSet =>
  named(table.name.replace(/^staging_/, 'stage_'), { kind: 'stage', staging: table }, options);

export const loadFact = (table: Fact, options: NamedOptions = {}): TaskSet =>
  named(`load_${table.name}`, { kind: 'load-fact', table }, options);

export const loadDimension = (
  table: Dimension | Calendar,
  { mode = 'append', ...options }: TaskOptions & { name?: string; mode?: 'append' | 'delete-and-load' } = {},
): TaskSet => named(`load_${table.name}`, { kind: 'load-dimension', table, mode }, options);

export const loadSql = (table: SqlTable, options: NamedOptions = {}): TaskSet =>
  named(`load_${table.name}`, { kind: 'sql', table }, options);

/** Audits the star as it would be; these checks are added to the pipeline's. */
export const quality = (checks: readonly Check[] = [], options: NamedOptions = {}): TaskSet =>
  named('quality', { kind: 'quality', checks }, options);

export const publish = (options: NamedOptions = {}): TaskSet => named('publish', { kind: 'publish' }, options);

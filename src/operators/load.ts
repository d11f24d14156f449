import { SparkifyError } from '../core/errors.ts';
import { grouped } from '../core/grouped.ts';
import type { StarTable } from '../pipeline/tables.ts';
import { deriveCalendar } from '../star/calendar.ts';
import type { StarContext } from '../star/context.ts';
import { type Delta, findDelta } from '../star/delta.ts';
import { deriveDimension } from '../star/dimension.ts';
import { deriveFact } from '../star/fact.ts';
import { deriveSqlTable } from '../star/sql-table.ts';
import type { WinnerChange } from '../star/winners.ts';
import type { SqlSession } from '../warehouse/session.ts';
import { batchOf, changesOf } from './batch.ts';
import type { RunState } from './run-state.ts';

/** Writes one table's delta beside the star. Idempotent: a delta that an earlier run left for the same batch is taken. */
export async function loadTable(
  state: RunState,
  task: string,
  table: StarTable,
): Promise<{ readonly detail: string; readonly resumed: boolean }> {
  const batch = await batchOf(state);
  if (batch === 'nothing-new') return { detail: 'nothing new', resumed: false };
  const left = batch.resumed ? await findDelta(batch.context, table) : undefined;
  if (left !== undefined) {
    state.deltas.set(table.name, left);
    return { detail: describeDelta(left), resumed: true };
  }
  if (table.kind === 'calendar' && !state.deltas.has(table.of.name)) {
    throw new SparkifyError('PIPELINE_INVALID', {
      pipeline: state.options.pipeline.name,
      detail: `task ${task} runs before ${table.of.name} is loaded`,
      fix: 'Put it after the task that loads that fact.',
    });
  }
  state.options.failpoints.hit(`delta.before`);
  // One transaction, so that a kill leaves the whole delta or nothing of it, for one flush to the disk.
  const delta = await inTransaction(state.session, async () =>
    deriveTable(batch.context, await changesOf(batch), table, state.deltas),
  );
  state.options.failpoints.hit(`delta.after`);
  state.deltas.set(table.name, delta);
  return { detail: describeDelta(delta), resumed: false };
}

async function inTransaction<T>(session: SqlSession, work: () => Promise<T>): Promise<T> {
  await session.exec('begin transaction');
  try {
    const result = await work();
    await session.exec('commit');
    return result;
  } catch (error) {
    await session.exec('rollback').catch(() => undefined);
    throw error;
  }
}

/** Derives the delta of any table of the star. @param deltas of the tables before it */
export async function deriveTable(
  context: StarContext,
  changes: ReadonlyMap<string, WinnerChange>,
  table: StarTable,
  deltas: ReadonlyMap<string, Delta>,
): Promise<Delta> {
  switch (table.kind) {
    case 'fact':
      return deriveFact(context, table, changes);
    case 'dimension':
      return deriveDimension(context, table, changes);
    case 'calendar':
      return deriveCalendar(context, table, deltas.get(table.of.name)!);
    case 'sql':
      return deriveSqlTable(context, table);
  }
}

export function describeDelta(delta: Delta): string {
  if (delta.mode === 'replace')
    return `${grouped(delta.added)} rows${delta.removed > 0 ? `, in place of ${grouped(delta.removed)}` : ''}`;
  const parts = [
    [delta.added, 'added'],
    [delta.changed, 'changed'],
    [delta.removed, 'removed'],
  ] as const;
  const said = parts.filter(([n]) => n > 0).map(([n, word]) => `${grouped(n)} ${word}`);
  return said.length === 0 ? 'no row differs' : said.join(', ');
}

import { SparkifyError } from '../core/errors.ts';
import { isOneOf } from '../ledger/id-list.ts';
import { wasReadOtherwise } from '../ledger/segment-description.ts';
import { ledger } from '../ledger/transaction.ts';
import { columnRule, keepsWhatWasRead } from '../pipeline/definition.ts';
import type { Staging } from '../pipeline/tables.ts';
import type { SqlSession } from '../warehouse/session.ts';
import { type RunState, warn } from './run-state.ts';

/**
 * Object versions that were staged and never published, and by other rules than today's: what people corrected since in
 * the definition must reach them. Versions in V are a matter of `--rebuild --from-sources`.
 */
export async function stagedByOtherRules(
  session: SqlSession,
  pipeline: string,
  staging: Staging,
): Promise<ReadonlySet<number>> {
  const staged = `from ${ledger('objects')} where pipeline = $1 and staging = $2 and state = 'staged'`;
  const segments = await session.all<{ segment_id: number; columns: string }>(
    `select segment_id, columns from ${ledger('segments')} where segment_id in (select segment_id ${staged})`,
    [pipeline, staging.name],
  );
  const others = segments.filter(({ columns }) => wasReadOtherwise(columns, staging));
  if (others.length === 0) return new Set();
  const rows = await session.all<{ object_id: number }>(
    `select object_id ${staged} and ${isOneOf(
      'segment_id',
      others.map((s) => s.segment_id),
    )}`,
    [pipeline, staging.name],
  );
  return new Set(rows.map((r) => r.object_id));
}

/**
 * A rebuild reads the segments under today's definition: they must have its columns, and hold nothing that its rules of
 * reading would have rejected or read otherwise.
 * @param outgoing object versions that leave V with this rebuild
 * @throws SEGMENTS_LACK
 */
export async function requireReading(state: RunState, outgoing: readonly number[]): Promise<void> {
  const { warehouse, pipeline } = state.options;
  const leaving = outgoing.length === 0 ? '' : `and not ${isOneOf('object_id', outgoing)}`;
  const staying = `from ${ledger('objects')} where pipeline = $1 and state = 'live' and records_read > 0 ${leaving}`;
  const held = await warehouse.read((s) =>
    s.all<{ staging: string; columns: string }>(
      `select distinct staging, columns from ${ledger('segments')} where segment_id in (select segment_id ${staying})`,
      [pipeline.name],
    ),
  );
  for (const { staging: name, columns } of held) {
    const staging = pipeline.stagings.find((s) => s.name === name);
    const types = JSON.parse(columns) as Readonly<Record<string, string>>;
    for (const column of staging?.columns ?? []) {
      const place = `${name}.${column.name}`;
      const found = types[column.name];
      if (found === undefined) throw lack(state, `${place} is not in them`);
      if (found !== column.type) throw lack(state, `${place} is ${found} in them and ${column.type} now`);
      const before = state.publishedDefinition?.[place];
      const now = columnRule(column);
      if (before === undefined || before === now) continue;
      if (!keepsWhatWasRead(before, column)) throw lack(state, `${place} was read as "${before}" and is "${now}" now`);
      await tellRejected(state, name, column.name);
    }
  }
}

/** A rule that lets more in does nothing for what is in quarantine already. */
async function tellRejected(state: RunState, staging: string, column: string): Promise<void> {
  const { warehouse, pipeline } = state.options;
  const [row] = await warehouse.read((s) =>
    s.all<{ n: number }>(
      `select count(*) as n from ${ledger('quarantine')} q join ${ledger('objects')} o on o.object_id = q.object_id
       where q.pipeline = $1 and o.staging = $2 and q.column_name = $3 and q.state = 'quarantined' and o.state = 'live'`,
      [pipeline.name, staging, column],
    ),
  );
  if (row!.n > 0)
    warn(
      state,
      `${staging}: ${row!.n} ${row!.n === 1 ? 'record is' : 'records are'} in quarantine for ${column}, whose rule changed; sparkify quarantine replay reads what it accepts now`,
    );
}

function lack({ options }: RunState, detail: string): SparkifyError {
  const unlisted = options.fromSources === true ? ', and this run does not list all of their objects' : '';
  return new SparkifyError('SEGMENTS_LACK', { detail: `${detail}${unlisted}` });
}

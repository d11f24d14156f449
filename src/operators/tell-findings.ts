import { identList } from '../core/quoting.ts';
import type { StagedObject } from '../ingest/staged.ts';
import type { CheckResult } from '../ledger/checks.ts';
import type { Staging } from '../pipeline/tables.ts';
import { batchTable } from '../star/names.ts';
import { type OpenBatch, type RunState, warn } from './run-state.ts';

/** More objects than this are counted, not named; `drift` of the ledger's objects keeps them all. */
const OBJECTS_NAMED = 5;
/** Of the rows that show a failure. */
const SAMPLES_TOLD = 3;

/** Reports once per object the fields that its staging does not know, and the optional ones that records lack. */
export function tellDrift(state: RunState, staging: Staging, objects: readonly StagedObject[]): void {
  const said = (word: string, counts: Readonly<Record<string, number>>): readonly string[] =>
    Object.entries(counts).map(([field, n]) => `${word} field "${field}" in ${n} ${n === 1 ? 'record' : 'records'}`);
  const drifted = objects
    .map((o) => ({ uri: o.uri, what: [...said('unknown', o.drift.unknown), ...said('no', o.drift.missing)] }))
    .filter((o) => o.what.length > 0);
  for (const o of drifted.slice(0, OBJECTS_NAMED)) warn(state, `${staging.name}: ${o.uri}: ${o.what.join(', ')}`);
  const more = drifted.length - OBJECTS_NAMED;
  if (more > 0)
    warn(
      state,
      `${staging.name}: ${more} more ${more === 1 ? 'object has' : 'objects have'} other fields; sparkify ledger --json names them all (drift)`,
    );
}

/** Reports keys that came with several contents: one wins, whatever the order, and somebody should know. */
export async function tellConflicts(state: RunState, batch: OpenBatch): Promise<void> {
  const { pipeline } = batch.context;
  for (const staging of pipeline.stagings) {
    if (batch.changes.get(staging.name)?.hasContenders !== true) continue;
    const [{ n } = { n: 0 }] = await batch.context.session.all<{ n: number }>(
      `select count(*) as n from (select 1 from ${batchTable(pipeline.name, 'contenders', staging.name)} where _role <> 'out' group by ${identList(staging.key)} having count(distinct _hash) > 1)`,
    );
    if (n > 0)
      warn(
        state,
        `${staging.name}: ${n} ${n === 1 ? 'key has' : 'keys have'} records with different contents; one of them is in force (sparkify trace shows both)`,
      );
  }
}

/** Says of a failed check what was expected and found, with some of the rows that show it. */
export function tellFailed(state: RunState, check: CheckResult): void {
  const rows = check.samples.slice(0, SAMPLES_TOLD).map((sample) => JSON.stringify(sample, plain));
  const example = rows.length === 0 ? '' : `; for example ${rows.join(', ')}`;
  const detail = `${check.name}: expected ${check.expected}, found ${check.actual}${example}`;
  if (check.severity === 'warn') warn(state, detail);
  else state.options.progress({ type: 'note', detail });
}

function plain(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? value.toString() : value;
}

import { createHash } from 'node:crypto';
import { columnRule } from '../pipeline/definition.ts';
import type { Staging } from '../pipeline/tables.ts';

/** Beside the names of columns; no column can be called like this. */
const READING = '#reading';

/**
 * What the ledger says of a segment, as JSON: the columns of its Parquet file with their types, for the question whether a
 * changed definition can still be served from it, and the rules by which it was read.
 */
export function describeSegment(staging: Staging): string {
  const columns = Object.fromEntries(staging.columns.map((c) => [c.name, c.type]));
  return JSON.stringify({ ...columns, [READING]: readingOf(staging) });
}

/** Whether a segment was read by other rules than today's; not known of what earlier versions recorded, hence false. */
export function wasReadOtherwise(description: string, staging: Staging): boolean {
  const noted = (JSON.parse(description) as Readonly<Record<string, string>>)[READING];
  return noted !== undefined && noted !== readingOf(staging);
}

/** What decides how an object's bytes become rows and quarantine, as a hash. Where it lies has no part in it. */
function readingOf(staging: Staging): string {
  const rules = staging.columns.map((c) => [c.name, columnRule(c)]);
  return createHash('sha256')
    .update(JSON.stringify([staging.framing, staging.jsonPaths ?? null, rules]))
    .digest('hex')
    .slice(0, 16);
}

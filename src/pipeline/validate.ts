import { SparkifyError } from '../core/errors.ts';
import type { Staging, StarTable } from './tables.ts';

/** Whatever can be wrong in a definition without looking at any data. @throws PIPELINE_INVALID */
export function validateDefinition(
  pipeline: string,
  body: { readonly stagings: readonly Staging[]; readonly tables: readonly StarTable[] },
): void {
  const fail = (detail: string, fix?: string): never => {
    throw new SparkifyError('PIPELINE_INVALID', { pipeline, detail, ...(fix === undefined ? {} : { fix }) });
  };
  const names = [...body.stagings, ...body.tables].map((t) => t.name);
  const doubled = names.find((n, i) => names.indexOf(n) !== i);
  if (doubled !== undefined) fail(`two tables are called ${doubled}`, 'Give one of them another name.');
  for (const table of [...body.stagings, ...body.tables]) {
    const columns = table.columns.map((c) => c.name);
    if (columns.length === 0) fail(`table ${table.name} has no columns`);
    const reserved = columns.find((c) => c.startsWith('_'));
    if (reserved !== undefined) fail(`column ${table.name}.${reserved} begins with "_", which is kept for provenance`);
    const missing = table.key.find((k) => !columns.includes(k));
    if (missing !== undefined) fail(`the key of ${table.name} names ${missing}, which is no column of it`);
    if (table.key.length === 0) fail(`table ${table.name} has no key`, 'Name the columns that identify a row.');
  }
  for (const s of body.stagings) {
    const optional = s.key.find((k) => !s.columns.find((c) => c.name === k)?.required);
    if (optional !== undefined)
      fail(`key column ${s.name}.${optional} is not required`, 'Declare it `required: true`.');
    if (s.eventTime !== undefined) {
      const time = s.columns.find((c) => c.name === s.eventTime);
      if (time === undefined || !time.required || time.type !== 'integer')
        fail(`event time ${s.name}.${s.eventTime} must be a required epochMs column of it`);
    }
  }
  for (const t of body.tables) {
    if (t.kind === 'fact' || t.kind === 'dimension') {
      if (!body.stagings.includes(t.from))
        fail(`${t.name} reads ${t.from.name}, which is not among the pipeline's stagings`);
    }
    if (t.kind === 'calendar' && !body.tables.includes(t.of))
      fail(`${t.name} is a calendar of ${t.of.name}, which is not among the pipeline's tables`);
    if (t.kind === 'fact') {
      for (const l of t.lookups)
        if (!body.stagings.includes(l.from))
          fail(`lookup ${t.name}.${l.name} reads ${l.from.name}, which is not among the pipeline's stagings`);
    }
  }
}

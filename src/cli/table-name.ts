import { SparkifyError } from '../core/errors.ts';
import type { ResolvedPipeline } from '../pipeline/define.ts';
import type { StarTable } from '../pipeline/tables.ts';
import { nameFix } from './suggest.ts';

/** The star table of a name. @throws USAGE */
export function tableOf(pipeline: ResolvedPipeline, name: string): StarTable {
  const found = pipeline.tables.find((t) => t.name === name);
  if (found !== undefined) return found;
  throw new SparkifyError('USAGE', {
    detail: `Pipeline ${pipeline.name} has no table "${name}".`,
    fix: nameFix(
      name,
      pipeline.tables.map((t) => t.name),
      'Declare it under `tables`.',
    ),
  });
}

import { ident, literal } from '../core/quoting.ts';
import type { ResolvedPipeline } from '../pipeline/define.ts';
import { ALL_TIME } from '../pipeline/interval.ts';
import { type RecordSource, recordSet, recordsSql, withObjects } from './records.ts';

/**
 * Makes `staging_*` readable in a session of an embedded warehouse: temporary views over the segments, with the
 * object's id and the row within it in front. Views that live in the file would have to hold absolute paths.
 */
export async function createStagingViews(source: RecordSource, pipeline: ResolvedPipeline): Promise<void> {
  for (const staging of pipeline.stagings) {
    const set = await recordSet(
      source,
      staging,
      `o.pipeline = ${literal(pipeline.name)} and o.state in ('live', 'staged')`,
      [ALL_TIME],
    );
    const rows = withObjects(source, recordsSql(set, { identity: true }));
    await source.session.exec(
      `create or replace temp view ${ident(staging.name)} as select _object, _row, ${staging.columns.map((c) => ident(c.name)).join(', ')} from (${rows})`,
    );
  }
}

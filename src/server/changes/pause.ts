import type { Store } from '../../orchestrator/store/store.ts';
import type { Answer } from '../api.ts';
import { pipelineUnknown } from '../reads/graphs.ts';

/** Whether the schedule of a pipeline makes runs; runs under way go on. @throws PIPELINE_UNKNOWN */
export async function setPaused(
  store: Store,
  change: { readonly pipeline: string; readonly paused: boolean; readonly by: string },
): Promise<Answer<'pausePipeline'>> {
  const { pipeline, paused, by } = change;
  return store.write(async (tx) => {
    const { numUpdatedRows } = await tx.db
      .updateTable('pipelines')
      .set({ paused: paused ? 1 : 0, updated_at_ms: tx.nowMs })
      .where('name', '=', pipeline)
      .where('paused', '=', paused ? 0 : 1)
      .executeTakeFirst();
    const changed = numUpdatedRows > 0n;
    if (changed) tx.emit({ type: paused ? 'pipeline.paused' : 'pipeline.unpaused', pipeline, by });
    else {
      const known = await tx.db.selectFrom('pipelines').select('name').where('name', '=', pipeline).executeTakeFirst();
      if (known === undefined) throw await pipelineUnknown(tx.db, pipeline);
    }
    return { pipeline, paused, changed };
  });
}

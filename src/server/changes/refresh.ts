import type { Answer, Call } from '../api.ts';
import type { ServerParts } from '../parts.ts';
import { declaredPipeline } from './trigger.ts';

/** Lists the sources of a pipeline now. @throws PIPELINE_UNKNOWN, PIPELINE_BROKEN, PIPELINE_GONE, WAREHOUSE_* */
export async function refreshListings(
  parts: ServerParts,
  { store, params, signal }: Call<'refreshListings'>,
): Promise<Answer<'refreshListings'>> {
  const pipeline = await declaredPipeline(parts.pipelines(), store.db, params.pipeline);
  const found = await parts.refreshListings(pipeline, signal);
  return {
    items: found.map((l) =>
      l.error === undefined
        ? { staging: l.staging, objects: l.objects, differing: l.differing, error: null }
        : {
            staging: l.staging,
            objects: null,
            differing: null,
            error: { code: l.error.code, message: l.error.message, remedy: l.error.remedy },
          },
    ),
  };
}

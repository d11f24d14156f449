import { ident } from '../core/quoting.ts';
import type { ResolvedPipeline } from '../pipeline/define.ts';
import type { SqlSession } from '../warehouse/session.ts';
import type { Warehouse } from '../warehouse/warehouse.ts';

/** Lets unqualified names in the session's transaction mean the pipeline's tables. */
export async function enterSchema(
  warehouse: Warehouse,
  session: SqlSession,
  pipeline: ResolvedPipeline,
): Promise<void> {
  if (pipeline.schema === undefined) return;
  if (warehouse.capabilities.embedded) await session.exec(`use ${ident(pipeline.schema)}`);
  else await session.exec(`set local search_path to ${ident(pipeline.schema)}`);
}

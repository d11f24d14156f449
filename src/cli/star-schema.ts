import { ident } from '../core/quoting.ts';
import { ledgerFormat } from '../ledger/transaction.ts';
import type { ResolvedPipeline } from '../pipeline/define.ts';
import { createStagingViews } from '../star/staging-view.ts';
import type { SqlSession } from '../warehouse/session.ts';
import type { Warehouse } from '../warehouse/warehouse.ts';

/** Makes the `staging_*` of these pipelines readable in a session, where they are no tables. */
export async function readableStaging(
  warehouse: Warehouse,
  session: SqlSession,
  pipelines: readonly ResolvedPipeline[],
): Promise<void> {
  if (!warehouse.capabilities.stagingInPlace || (await ledgerFormat(session)) === undefined) return;
  const source = { session, segments: warehouse.segments };
  for (const pipeline of pipelines) await createStagingViews(source, pipeline);
}

/** Lets unqualified names in the session mean the pipeline's tables, its staging included. */
export async function enterStar(warehouse: Warehouse, session: SqlSession, pipeline: ResolvedPipeline): Promise<void> {
  await readableStaging(warehouse, session, [pipeline]);
  if (pipeline.schema === undefined) return;
  if (warehouse.capabilities.embedded) await session.exec(`use ${ident(pipeline.schema)}`);
  else await session.exec(`set local search_path to ${ident(pipeline.schema)}`);
}

import { SparkifyError } from '../core/errors.ts';
import { coverageOf } from '../ledger/coverage.ts';
import { type PipelineRow, pipelineRow } from '../ledger/pipelines.ts';
import { ledgerFormat } from '../ledger/transaction.ts';
import { computeSchema } from '../operators/create-tables.ts';
import { segmentsOf } from '../operators/run-state.ts';
import { withRun } from '../operators/with-run.ts';
import { type ResolvedPipeline, resolvePipeline } from '../pipeline/define.ts';
import { type Definition, definitionDifferences, definitionHash, definitionOf } from '../pipeline/definition.ts';
import type { SegmentReader } from '../segments/store.ts';
import type { Standing } from '../star/standing.ts';
import type { SqlSession } from '../warehouse/session.ts';
import type { Warehouse } from '../warehouse/warehouse.ts';
import type { CliContext } from './context.ts';
import { progressView } from './progress.ts';
import type { Project } from './project.ts';
import { runOptions } from './run-options.ts';
import { enterStar } from './star-schema.ts';
import { withWarehouse } from './warehouse-access.ts';

/** The last publish, in one snapshot of the warehouse, and the same publish as the compute engine sees it. */
export interface Published {
  readonly warehouse: Warehouse;
  readonly session: SqlSession;
  readonly standing: Standing;
  readonly row: PipelineRow;
}

export interface StandingOptions<T> {
  /** What is written after the look, outside of its snapshot. Without it nothing can be written. */
  readonly finish?: (warehouse: Warehouse, result: T) => Promise<void>;
  /** Also when runs have staged objects, but none has published. @default false */
  readonly unpublished?: boolean;
}

/**
 * Looks at what is published. An embedded warehouse is read in place; for another one the local mirror is brought up
 * first, under the pipeline's lock.
 * @throws USAGE when there is nothing to look at, DEFINITION_CHANGED when the definition is not that of the publish
 */
export async function withStanding<T>(
  context: CliContext,
  project: Project,
  wanted: ResolvedPipeline,
  options: StandingOptions<T>,
  work: (published: Published) => Promise<T>,
): Promise<T> {
  const look = async (warehouse: Warehouse): Promise<T> => {
    const pipeline = await warehouse.read((session) => asPublished(session, wanted));
    if (warehouse.capabilities.embedded)
      return warehouse.read(async (session) => {
        const found = await publishOf(session, pipeline, options);
        return work({
          warehouse,
          session,
          ...(await standingOf(
            { warehouse, session, compute: session, segments: warehouse.segments },
            pipeline,
            found,
          )),
        });
      });
    await warehouse.read((session) => publishOf(session, pipeline, options));
    return inMirror(context, project, pipeline, warehouse, (compute, segments) =>
      warehouse.read(async (session) => {
        const found = await publishOf(session, pipeline, options);
        return work({
          warehouse,
          session,
          ...(await standingOf({ warehouse, session, compute, segments }, pipeline, found)),
        });
      }),
    );
  };
  return withWarehouse(
    context,
    project,
    { readOnly: options.finish === undefined, mirror: 'file' },
    async (warehouse) => {
      const result = await look(warehouse);
      await options.finish?.(warehouse, result);
      return result;
    },
  );
}

/** The pipeline under the parameters of its last publish, where these and not today's make the published definition. */
async function asPublished(session: SqlSession, wanted: ResolvedPipeline): Promise<ResolvedPipeline> {
  const row = (await ledgerFormat(session)) === undefined ? undefined : await pipelineRow(session, wanted.name);
  if (row?.params == null || row.definition_hash === definitionHash(definitionOf(wanted))) return wanted;
  try {
    const published = resolvePipeline(wanted.origin, JSON.parse(row.params) as Record<string, unknown>);
    return definitionHash(definitionOf(published)) === row.definition_hash ? published : wanted;
  } catch {
    // Parameters of then that are none any more: the difference of the definitions says more than they would.
    return wanted;
  }
}

async function inMirror<T>(
  context: CliContext,
  project: Project,
  pipeline: ResolvedPipeline,
  warehouse: Warehouse,
  work: (compute: SqlSession, segments: SegmentReader) => Promise<T>,
): Promise<T> {
  const view = progressView(context);
  try {
    return await withRun(runOptions(context, project, pipeline, warehouse, view.listener), (state) => {
      view.stop();
      return work(state.session, segmentsOf(state));
    });
  } finally {
    view.stop();
  }
}

async function publishOf(
  session: SqlSession,
  pipeline: ResolvedPipeline,
  options: { readonly unpublished?: boolean },
): Promise<PipelineRow> {
  const row = (await ledgerFormat(session)) === undefined ? undefined : await pipelineRow(session, pipeline.name);
  if (row === undefined || (row.definition_hash === null && options.unpublished !== true))
    throw new SparkifyError('USAGE', {
      detail: `Nothing of pipeline ${pipeline.name} is published in this warehouse yet.`,
      fix: `sparkify run ${pipeline.name}`,
    });
  const definition = definitionOf(pipeline);
  if (row.definition_hash !== null && row.definition_hash !== definitionHash(definition)) {
    const differences = definitionDifferences(JSON.parse(row.definition ?? '{}') as Definition, definition);
    throw new SparkifyError('DEFINITION_CHANGED', { pipeline: pipeline.name, differences });
  }
  return row;
}

async function standingOf(
  {
    warehouse,
    session,
    compute,
    segments,
  }: {
    readonly warehouse: Warehouse;
    readonly session: SqlSession;
    readonly compute: SqlSession;
    readonly segments: SegmentReader;
  },
  pipeline: ResolvedPipeline,
  row: PipelineRow,
): Promise<{ readonly standing: Standing; readonly row: PipelineRow }> {
  await enterStar(warehouse, session, pipeline);
  const standing: Standing = {
    session: compute,
    segments,
    pipeline,
    schema: computeSchema(warehouse, pipeline),
    coverage: await coverageOf(session, pipeline.name),
  };
  return { standing, row };
}

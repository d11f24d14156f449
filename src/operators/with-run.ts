import { SparkifyError } from '../core/errors.ts';
import { scanThreads } from '../ingest/scan/threads.ts';
import { ensureLedger } from '../ledger/migrations.ts';
import { ensurePipeline, pipelineRow } from '../ledger/pipelines.ts';
import { ledgerTransaction } from '../ledger/transaction.ts';
import { type Definition, definitionDifferences, definitionHash, definitionOf } from '../pipeline/definition.ts';
import { ALL_TIME } from '../pipeline/interval.ts';
import { ensureState } from '../star/apply.ts';
import { alignEmptyTables, alignStagingTables } from './align-tables.ts';
import { catchUpMirror } from './catch-up.ts';
import { collectOrphanSegments } from './collect.ts';
import { computeSchema, createTables, starSchema } from './create-tables.ts';
import type { RunOptions, RunState } from './run-state.ts';

/** Does `work` as the only run of the pipeline: takes its lock, brings ledger and mirror up, clears what killed runs left. */
export async function withRun<T>(options: RunOptions, work: (state: RunState) => Promise<T>): Promise<T> {
  const { state, leave } = await enterRun(options);
  const interrupt = (): void => state.session.interrupt();
  options.signal.addEventListener('abort', interrupt);
  try {
    return await work(state);
  } finally {
    options.signal.removeEventListener('abort', interrupt);
    await leave();
  }
}

/** A run that has the pipeline's lock until it leaves. */
export interface EnteredRun {
  readonly state: RunState;
  leave(): Promise<void>;
}

/** The beginning of `withRun`, for whoever keeps the run open for longer than one call. */
export async function enterRun(options: RunOptions): Promise<EnteredRun> {
  const { warehouse, pipeline, progress } = options;
  const release = await warehouse.lockPipeline(pipeline.name, {
    onWait: (holder) => progress({ type: 'note', detail: `waiting: ${holder} runs ${pipeline.name}` }),
    signal: options.signal,
    ...(options.isSuperseded === undefined ? {} : { isSuperseded: options.isSuperseded }),
  });
  try {
    const session = await warehouse.compute.connect();
    const interrupt = (): void => session.interrupt();
    options.signal.addEventListener('abort', interrupt);
    try {
      const state = await prepare(options, session);
      return {
        state,
        leave: async () => {
          await state.threads.close();
          session.close();
          await release();
        },
      };
    } catch (error) {
      session.close();
      throw error;
    } finally {
      options.signal.removeEventListener('abort', interrupt);
    }
  } catch (error) {
    await release();
    throw error;
  }
}

async function prepare(options: RunOptions, session: RunState['session']): Promise<RunState> {
  const { warehouse, pipeline } = options;
  await ensureLedger(warehouse);
  const schema = starSchema(warehouse, pipeline);
  await warehouse.compute.transaction((tx) => ensureState(tx, pipeline.name));
  const definition = definitionOf(pipeline);
  const hash = definitionHash(definition);
  const row = await warehouse.read((s) => pipelineRow(s, pipeline.name));
  if (row === undefined) await ledgerTransaction(warehouse, (tx) => ensurePipeline(tx, pipeline.name, schema));
  const published = row?.definition == null ? undefined : (JSON.parse(row.definition) as Definition);
  if (options.rebuild !== true && published !== undefined && row?.definition_hash !== hash) {
    throw new SparkifyError('DEFINITION_CHANGED', {
      pipeline: pipeline.name,
      differences: definitionDifferences(published, definition),
    });
  }
  const created = warehouse.capabilities.embedded ? [] : await createTables(warehouse, pipeline);
  const state: RunState = {
    options,
    interval: options.interval ?? ALL_TIME,
    definition,
    definitionHash: hash,
    publishedDefinition: published,
    schema,
    computeSchema: computeSchema(warehouse, pipeline),
    session,
    threads: scanThreads(options.workers),
    created,
    stages: new Map(),
    deltas: new Map(),
    checks: [],
    warnings: [],
    batch: undefined,
    publishedEpoch: undefined,
  };
  await warehouse.segments.claim(() => warehouse.identity());
  await collectOrphanSegments(state);
  if (!warehouse.capabilities.embedded) {
    if (options.fromSources === true || published === undefined) await alignStagingTables(warehouse, pipeline);
    if (published === undefined) await alignEmptyTables(warehouse, pipeline);
    if (options.rebuild !== true && (await catchUpMirror(state)))
      options.progress({ type: 'note', detail: 'the local mirror was brought up to the warehouse' });
  }
  return state;
}

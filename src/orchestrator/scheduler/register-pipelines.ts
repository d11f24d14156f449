import type { SparkifyError } from '../../core/errors.ts';
import type { ResolvedPipeline } from '../../pipeline/define.ts';
import type { PipelineGraph } from '../../pipeline/graph.ts';
import { graphOf } from '../../pipeline/graph-of.ts';
import type { Store, StoreTransaction } from '../store/store.ts';
import type { PipelineRow } from '../store/tables.ts';
import type { LoadedPipelines } from '../worker/definitions.ts';

export interface RegisterOptions {
  /** Slots of pools as the project's configuration has them; above what pipelines declare and what a command set. */
  readonly pools?: Readonly<Record<string, number>>;
}

/**
 * Writes down which pipelines the project has now: new versions, those that do not load and why, those that are gone.
 * Their runs, cells and schedule's memory stay. Changes nothing when nothing changed.
 */
export async function registerPipelines(
  store: Store,
  loaded: LoadedPipelines,
  options: RegisterOptions = {},
): Promise<void> {
  const graphs = loaded.resolved.map((pipeline: ResolvedPipeline) => graphOf(pipeline));
  await store.write(async (tx) => {
    const lock = tx.capabilities.skipLocked ? ' for update' : '';
    const rows = await tx.all<PipelineRow>(`select * from pipelines order by name${lock}`);
    const known = new Map(rows.map((row) => [row.name, row]));
    for (const graph of graphs) await registerGraph(tx, graph, known.get(graph.pipeline));
    for (const { name, error } of loaded.broken) await registerBroken(tx, name, error, known.get(name));
    const here = new Set([...graphs.map((g) => g.pipeline), ...loaded.broken.map((b) => b.name)]);
    for (const row of rows) if (!here.has(row.name) && row.state !== 'gone') await registerGone(tx, row);
    const declared = Object.assign({}, ...graphs.map((g) => g.pools ?? {})) as Readonly<Record<string, number>>;
    for (const [name, slots] of Object.entries({ ...declared, ...options.pools }))
      await tx.run(
        `insert into pools (name, slots, from_config) values ($1, $2, 1)
         on conflict (name) do update set slots = excluded.slots, from_config = 1`,
        [name, slots],
      );
  });
}

async function registerGraph(
  tx: StoreTransaction,
  graph: PipelineGraph,
  known: PipelineRow | undefined,
): Promise<void> {
  const { pipeline, version, semanticVersion } = graph;
  await tx.run(
    `insert into pipelines (name, version, semantic_version, state, paused, updated_at_ms)
     values ($1, $2, $3, 'active', 0, $4)
     on conflict (name) do update set version = excluded.version, semantic_version = excluded.semantic_version,
       state = 'active', error_json = null, updated_at_ms = excluded.updated_at_ms
     where pipelines.version <> excluded.version or pipelines.state <> 'active' or pipelines.error_json is not null`,
    [pipeline, version, semanticVersion, tx.nowMs],
  );
  await tx.run(
    `insert into pipeline_versions (pipeline, version, semantic_version, graph_json, created_at_ms)
     values ($1, $2, $3, $4, $5) on conflict do nothing`,
    [pipeline, version, semanticVersion, JSON.stringify(graph), tx.nowMs],
  );
  if (known?.version !== version || known.state !== 'active')
    tx.emit({ type: 'pipeline.changed', pipeline, version, semanticVersion });
}

async function registerBroken(
  tx: StoreTransaction,
  name: string,
  error: SparkifyError,
  known: PipelineRow | undefined,
): Promise<void> {
  const { code, message, remedy } = error;
  const json = JSON.stringify({ code, message, remedy });
  if (known?.state === 'broken' && known.error_json === json) return;
  await tx.run(
    `insert into pipelines (name, version, semantic_version, state, error_json, paused, updated_at_ms)
     values ($1, '', '', 'broken', $2, 0, $3)
     on conflict (name) do update set state = 'broken', error_json = excluded.error_json,
       updated_at_ms = excluded.updated_at_ms`,
    [name, json, tx.nowMs],
  );
  tx.emit({ type: 'pipeline.broken', pipeline: name, error: { code, message } });
}

async function registerGone(tx: StoreTransaction, { name }: PipelineRow): Promise<void> {
  await tx.run("update pipelines set state = 'gone', error_json = null, updated_at_ms = $2 where name = $1", [
    name,
    tx.nowMs,
  ]);
  tx.emit({ type: 'pipeline.gone', pipeline: name, by: undefined });
}

import { SparkifyError } from '../../core/errors.ts';
import type { StoreReader } from '../../orchestrator/store/store.ts';
import type { GraphTask, PipelineGraph } from '../../pipeline/graph.ts';

const REMEMBERED = 100;

/** Versions of pipelines as they were stored. A version never changes, so each is read once. */
export class Graphs {
  readonly #known = new Map<string, PipelineGraph>();

  /** undefined when the store has no such version. */
  async find(db: StoreReader, pipeline: string, version: string): Promise<PipelineGraph | undefined> {
    const key = JSON.stringify([pipeline, version]);
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const row = await db
      .selectFrom('pipeline_versions')
      .select('graph_json')
      .where('pipeline', '=', pipeline)
      .where('version', '=', version)
      .executeTakeFirst();
    if (row === undefined) return undefined;
    const graph = JSON.parse(row.graph_json) as PipelineGraph;
    if (this.#known.size >= REMEMBERED) this.#known.delete(this.#known.keys().next().value!);
    this.#known.set(key, graph);
    return graph;
  }

  /** @throws PIPELINE_UNKNOWN */
  async current(db: StoreReader, pipeline: string): Promise<PipelineGraph> {
    const row = await db.selectFrom('pipelines').select('version').where('name', '=', pipeline).executeTakeFirst();
    const graph = row === undefined ? undefined : await this.find(db, pipeline, row.version);
    if (graph === undefined) throw await pipelineUnknown(db, pipeline);
    return graph;
  }

  async tasksOf(db: StoreReader, pipeline: string, version: string): Promise<ReadonlyMap<string, GraphTask>> {
    const graph = await this.find(db, pipeline, version);
    return new Map((graph?.tasks ?? []).map((t) => [t.name, t]));
  }
}

/** Names those that there are. */
export async function pipelineUnknown(db: StoreReader, pipeline: string): Promise<SparkifyError> {
  const rows = await db
    .selectFrom('pipelines')
    .select('name')
    .where('state', '<>', 'gone')
    .orderBy('name')
    .limit(20)
    .execute();
  return new SparkifyError('PIPELINE_UNKNOWN', { pipeline, known: rows.map((r) => r.name) });
}

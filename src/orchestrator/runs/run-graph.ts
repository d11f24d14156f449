import { SparkifyError } from '../../core/errors.ts';
import type { GraphTask, PipelineGraph } from '../../pipeline/graph.ts';
import type { StoreTransaction } from '../store/store.ts';

/** A pipeline's graph with the ways through it that ends of tasks take. */
export interface RunGraph {
  readonly graph: PipelineGraph;
  readonly tasks: ReadonlyMap<string, GraphTask>;
  /** The tasks directly after it, in topological order. */
  below(task: string): readonly GraphTask[];
  /** It and everything after it, directly or not. */
  closure(tasks: Iterable<string>): ReadonlySet<string>;
}

export function indexGraph(graph: PipelineGraph): RunGraph {
  const tasks = new Map(graph.tasks.map((t) => [t.name, t]));
  const below = new Map<string, GraphTask[]>(graph.tasks.map((t) => [t.name, []]));
  for (const task of graph.tasks) for (const before of new Set(task.after)) below.get(before)?.push(task);
  const closure = (names: Iterable<string>): ReadonlySet<string> => {
    const found = new Set<string>();
    const open = [...names];
    for (let name = open.pop(); name !== undefined; name = open.pop()) {
      if (found.has(name)) continue;
      found.add(name);
      for (const next of below.get(name) ?? []) open.push(next.name);
    }
    return found;
  };
  return { graph, tasks, below: (task) => below.get(task) ?? [], closure };
}

/** The versions of graphs that runs began with, each read once; they never change. */
export interface RunGraphs {
  of(tx: Pick<StoreTransaction, 'all'>, pipeline: string, version: string): Promise<RunGraph>;
}

/** Versions that are kept at once; more are read again when they are needed. */
const MAX_KEPT = 500;

export function createRunGraphs(): RunGraphs {
  const kept = new Map<string, RunGraph>();
  return {
    of: async (tx, pipeline, version) => {
      const key = `${pipeline}\n${version}`;
      const known = kept.get(key);
      if (known !== undefined) return known;
      const [row] = await tx.all<{ graph_json: string }>(
        'select graph_json from pipeline_versions where pipeline = $1 and version = $2',
        [pipeline, version],
      );
      if (row === undefined)
        throw new SparkifyError('INTERNAL', {
          detail: `version ${version} of pipeline ${pipeline} is not in the store`,
        });
      const graph = indexGraph(JSON.parse(row.graph_json) as PipelineGraph);
      if (kept.size >= MAX_KEPT) kept.delete(kept.keys().next().value!);
      kept.set(key, graph);
      return graph;
    },
  };
}

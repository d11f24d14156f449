import { SparkifyError } from '../../core/errors.ts';
import type { PipelineGraph } from '../../pipeline/graph.ts';

export interface DeclaredPools {
  readonly slots: ReadonlyMap<string, number>;
  /** Pipelines that do not agree about a pool, each with the error that names them all. */
  readonly disagreeing: ReadonlyMap<string, SparkifyError>;
}

/** The pools of a project: what its configuration has, then what its pipelines declare. */
export function declaredPools(
  graphs: readonly PipelineGraph[],
  configured: Readonly<Record<string, number>>,
): DeclaredPools {
  const slots = new Map(Object.entries(configured));
  const declared = new Map<string, { readonly pipeline: string; readonly slots: number }[]>();
  for (const { pipeline, pools = {} } of graphs) {
    for (const [name, count] of Object.entries(pools)) {
      if (Object.hasOwn(configured, name)) continue;
      declared.set(name, [...(declared.get(name) ?? []), { pipeline, slots: count }]);
    }
  }
  const disagreeing = new Map<string, SparkifyError>();
  for (const [pool, given] of declared) {
    if (given.every((d) => d.slots === given[0]!.slots)) slots.set(pool, given[0]!.slots);
    else {
      const error = new SparkifyError('POOLS_DISAGREE', {
        pool,
        declared: given.map((d) => `${d.pipeline} ${d.slots}`),
      });
      for (const { pipeline } of given) disagreeing.set(pipeline, error);
    }
  }
  return { slots, disagreeing };
}

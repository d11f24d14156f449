import { createHash } from 'node:crypto';
import type { ResolvedPipeline } from './define.ts';
import { definitionHash, definitionOf } from './definition.ts';
import type { GraphTask, PipelineGraph } from './graph.ts';
import { isDataOperator } from './operator.ts';
import type { Task } from './task.ts';

/** The pipeline as its orchestration sees it; equal graphs over equal definitions have equal versions. */
export function graphOf(pipeline: ResolvedPipeline): PipelineGraph {
  const graph: Omit<PipelineGraph, 'version'> = {
    pipeline: pipeline.name,
    doc: pipeline.doc,
    semanticVersion: definitionHash(definitionOf(pipeline)),
    schedule: pipeline.schedule,
    deadlineMs: pipeline.deadlineMs,
    maxActiveRuns: pipeline.maxActiveRuns,
    pools: pipeline.pools,
    tasks: pipeline.tasks.map(graphTask),
  };
  return { ...graph, version: createHash('sha256').update(canonicalText(graph)).digest('hex') };
}

function graphTask(task: Task): GraphTask {
  const { operator } = task;
  return {
    name: task.name,
    kind: operator.kind === 'function' && operator.marker === true ? 'marker' : operator.kind,
    group: task.group,
    after: task.after,
    ...task.options,
    data: isDataOperator(operator),
    mapped: operator.kind === 'mapped',
    sensor: operator.kind === 'sensor' || operator.kind === 'wait-for-objects' ? operator.timing : undefined,
    branch: operator.kind === 'branch',
  };
}

/** JSON with sorted names, so that the order in which a graph is put together does not matter. */
function canonicalText(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}

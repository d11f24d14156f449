import type { SparkifyError } from '../../core/errors.ts';
import type { PipelineGraph } from '../../pipeline/graph.ts';
import type { PipelineRow } from '../store/tables.ts';

/** What a project has. */
export interface ProjectPipelines {
  readonly graphs: readonly PipelineGraph[];
  readonly broken: readonly { readonly name: string; readonly error: SparkifyError }[];
}

/** Of a pipeline's row, what decides whether it has changed. */
export type KnownPipeline = Pick<PipelineRow, 'name' | 'version' | 'state' | 'error_json'>;

export type PipelineChange =
  | { readonly kind: 'active'; readonly graph: PipelineGraph; readonly known: KnownPipeline | undefined }
  | { readonly kind: 'broken'; readonly name: string; readonly error: SparkifyError; readonly errorJson: string }
  | { readonly kind: 'gone'; readonly name: string }
  /** It was never more than a file that does not load. */
  | { readonly kind: 'forgotten'; readonly name: string };

/** What is different in the store from what the project has, by name. */
export function pipelineChanges(
  known: readonly KnownPipeline[],
  { graphs, broken }: ProjectPipelines,
): readonly PipelineChange[] {
  const rows = new Map(known.map((row) => [row.name, row]));
  const here = new Set([...graphs.map((g) => g.pipeline), ...broken.map((b) => b.name)]);
  const missing = known.filter((row) => !here.has(row.name) && row.state !== 'gone');
  // A file that does not load tells its own name, not that of the pipeline in it: what is missing may be in there.
  const strangers = broken.filter((b) => rows.get(b.name) === undefined || rows.get(b.name)!.version === '');
  const lost = strangers.length > 0 ? missing.filter((row) => row.version !== '') : [];
  const found = [
    ...broken.filter((b) => lost.length === 0 || !strangers.includes(b)),
    ...lost.map(({ name }) => ({ name, error: strangers[0]!.error })),
  ];
  const explained = new Set(found.map((b) => b.name));
  const changes: PipelineChange[] = [
    ...graphs.flatMap((graph) => activeChange(graph, rows.get(graph.pipeline))),
    ...found.flatMap(({ name, error }) => brokenChange(name, error, rows.get(name))),
    ...known
      .filter((row) => row.state !== 'gone' && !explained.has(row.name))
      .filter((row) => !graphs.some((g) => g.pipeline === row.name))
      .map(({ name, version }): PipelineChange => ({ kind: version === '' ? 'forgotten' : 'gone', name })),
  ];
  return changes.sort((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1));
}

function nameOf(change: PipelineChange): string {
  return change.kind === 'active' ? change.graph.pipeline : change.name;
}

function activeChange(graph: PipelineGraph, known: KnownPipeline | undefined): readonly PipelineChange[] {
  // What keeps its runs from being made (`error_json` of an active one) is between the scheduler and the pools.
  const same = known?.version === graph.version && known.state === 'active';
  return same ? [] : [{ kind: 'active', graph, known }];
}

function brokenChange(name: string, error: SparkifyError, known: KnownPipeline | undefined): readonly PipelineChange[] {
  const { code, message, remedy } = error;
  const errorJson = JSON.stringify({ code, message, remedy });
  if (known?.state === 'broken' && known.error_json === errorJson) return [];
  return [{ kind: 'broken', name, error, errorJson }];
}

import type { z } from 'zod';
import { SparkifyError } from '../core/errors.ts';
import { type Analysis, type Check, resolveChecks } from './check.ts';
import { topologicalOrder } from './dag.ts';
import type { Staging, StarTable } from './tables.ts';
import type { Task, TaskSet } from './task.ts';
import { validateDefinition } from './validate.ts';

/** What a pipeline's `define` returns for a set of parameters. */
export interface PipelineBody {
  readonly stagings: readonly Staging[];
  readonly tables: readonly StarTable[];
  readonly tasks: TaskSet;
  readonly checks?: readonly Check[];
  readonly analyses?: readonly Analysis[];
}

export interface PipelineOptions<S extends z.ZodObject> {
  readonly name: string;
  readonly doc?: string;
  /** Schema of the star tables in the warehouse. @default the warehouse's default schema (`main`, `public`) */
  readonly schema?: string;
  readonly params: S;
  readonly define: (params: z.output<S>) => PipelineBody;
}

/** A pipeline before its parameters are known. */
export interface Pipeline {
  readonly kind: 'pipeline';
  readonly name: string;
  readonly doc: string;
  readonly schema: string | undefined;
  readonly params: z.ZodObject;
  readonly define: (params: never) => PipelineBody;
}

/** A pipeline with its parameters: validated, its tasks in topological order, its checks complete. */
export interface ResolvedPipeline {
  /** What it was resolved from. */
  readonly origin: Pipeline;
  readonly name: string;
  readonly doc: string;
  readonly schema: string | undefined;
  readonly params: Readonly<Record<string, unknown>>;
  readonly stagings: readonly Staging[];
  readonly tables: readonly StarTable[];
  readonly tasks: readonly Task[];
  readonly checks: readonly Check[];
  readonly analyses: readonly Analysis[];
}

/** Declares a pipeline. Pure: it reads nothing and starts nothing. */
export function definePipeline<S extends z.ZodObject>(options: PipelineOptions<S>): Pipeline {
  return {
    kind: 'pipeline',
    name: options.name,
    doc: options.doc ?? '',
    schema: options.schema,
    params: options.params,
    define: options.define as (params: never) => PipelineBody,
  };
}

/**
 * Applies parameters (text from `--set` is read as number or boolean where the schema asks for one).
 * @throws PARAMETER_INVALID, PIPELINE_INVALID, PIPELINE_CYCLE
 */
export function resolvePipeline(pipeline: Pipeline, values: Readonly<Record<string, unknown>>): ResolvedPipeline {
  const known = Object.keys(pipeline.params.shape);
  const unknown = Object.keys(values).find((k) => !known.includes(k));
  if (unknown !== undefined) {
    throw new SparkifyError('PARAMETER_INVALID', {
      pipeline: pipeline.name,
      detail: `there is no parameter "${unknown}" (there are: ${known.join(', ')})`,
    });
  }
  const parsed = pipeline.params.safeParse(values);
  if (!parsed.success) {
    const detail = parsed.error.issues.map((i) => `${i.path.join('.') || 'value'}: ${i.message}`).join('; ');
    throw new SparkifyError('PARAMETER_INVALID', { pipeline: pipeline.name, detail }, { cause: parsed.error });
  }
  const body = pipeline.define(parsed.data as never);
  validateDefinition(pipeline.name, body);
  const tasks = topologicalOrder(pipeline.name, body.tasks.tasks);
  const taskChecks = tasks.flatMap((t) => (t.operator.kind === 'quality' ? t.operator.checks : []));
  return {
    origin: pipeline,
    name: pipeline.name,
    doc: pipeline.doc,
    schema: pipeline.schema,
    params: parsed.data,
    stagings: body.stagings,
    tables: body.tables,
    tasks,
    checks: resolveChecks(body.tables, [...(body.checks ?? []), ...taskChecks]),
    analyses: body.analyses ?? [],
  };
}

import type { z } from 'zod';
import { errorText, isSparkifyError, SparkifyError } from '../core/errors.ts';
import { nearest } from '../core/nearest.ts';
import { type Analysis, type Check, resolveChecks } from './check.ts';
import { topologicalOrder } from './dag.ts';
import { type Duration, durationMs } from './duration.ts';
import type { GraphSchedule } from './graph.ts';
import type { Staging, StarTable } from './tables.ts';
import type { Task, TaskSet } from './task.ts';
import { resolveTaskOptions, type TaskDefaults } from './task-options.ts';
import { validateDefinition } from './validate.ts';
import { validateOrder } from './validate-order.ts';
import { validateTasks } from './validate-tasks.ts';

/** What a pipeline's `define` returns for a set of parameters. */
export interface PipelineBody {
  readonly stagings: readonly Staging[];
  readonly tables: readonly StarTable[];
  readonly tasks: TaskSet;
  readonly checks?: readonly Check[];
  readonly analyses?: readonly Analysis[];
}

/** When a pipeline runs by itself, and how; nothing here changes what is loaded. */
export interface Orchestration {
  /** `cron(…)` or `every(…)`. @default none: it runs when somebody says so */
  readonly schedule?: GraphSchedule;
  /** A run that is not over so long after it was due is late, and alerts tell so. @default none */
  readonly deadline?: Duration;
  /** Scheduled runs under way at a time. @default 16 */
  readonly maxActiveRuns?: number;
  /** For tasks that do not say it themselves. */
  readonly defaults?: TaskDefaults;
  /** Slots of pools, by name. @default the project's configuration */
  readonly pools?: Readonly<Record<string, number>>;
}

export interface PipelineOptions<S extends z.ZodObject> extends Orchestration {
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
  readonly orchestration: Orchestration;
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
  readonly schedule: GraphSchedule | undefined;
  readonly deadlineMs: number | undefined;
  readonly maxActiveRuns: number;
  readonly pools: Readonly<Record<string, number>>;
}

/** Declares a pipeline. Pure: it reads nothing and starts nothing. */
export function definePipeline<S extends z.ZodObject>(options: PipelineOptions<S>): Pipeline {
  const { name, doc = '', schema, params, define, ...orchestration } = options;
  return {
    kind: 'pipeline',
    name,
    doc,
    schema,
    orchestration,
    params,
    define: define as (params: never) => PipelineBody,
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
    const near = nearest(unknown, known);
    throw new SparkifyError('PARAMETER_INVALID', {
      pipeline: pipeline.name,
      detail: `there is no parameter "${unknown}"${near === undefined ? '' : `, did you mean ${near}?`} (there are: ${known.join(', ')})`,
    });
  }
  const parsed = pipeline.params.safeParse(values);
  if (!parsed.success) {
    const detail = parsed.error.issues.map((i) => `${i.path.join('.') || 'value'}: ${i.message}`).join('; ');
    throw new SparkifyError('PARAMETER_INVALID', { pipeline: pipeline.name, detail }, { cause: parsed.error });
  }
  const body = callDefine(pipeline, parsed.data);
  validateDefinition(pipeline.name, body);
  const { schedule, deadline, maxActiveRuns = 16, defaults = {}, pools = {} } = pipeline.orchestration;
  const tasks = topologicalOrder(pipeline.name, body.tasks.tasks).map(
    (task): Task => ({ ...task, options: resolveTaskOptions(task.name, task.given, defaults) }),
  );
  validateTasks(pipeline.name, tasks, pools);
  validateOrder(pipeline.name, tasks, body);
  if (!Number.isSafeInteger(maxActiveRuns) || maxActiveRuns < 1)
    throw new SparkifyError('PIPELINE_INVALID', {
      pipeline: pipeline.name,
      detail: `maxActiveRuns is ${maxActiveRuns}, so it would never run`,
      fix: 'Give it a whole number from 1 on.',
    });
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
    schedule,
    deadlineMs: deadline === undefined ? undefined : durationMs(deadline, `pipeline ${pipeline.name}: deadline`),
    maxActiveRuns,
    pools,
  };
}

/** What `define` throws is a fault of the definition, with its cause. */
function callDefine(pipeline: Pipeline, params: unknown): PipelineBody {
  try {
    return pipeline.define(params as never);
  } catch (error) {
    if (isSparkifyError(error)) throw error;
    throw new SparkifyError(
      'PIPELINE_INVALID',
      { pipeline: pipeline.name, detail: `its definition throws: ${errorText(error)}` },
      { cause: error },
    );
  }
}

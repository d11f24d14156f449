import { SparkifyError } from '../../core/errors.ts';
import { type ResolvedPipeline, resolvePipeline } from '../../pipeline/define.ts';
import { graphOf } from '../../pipeline/graph-of.ts';
import type { Task } from '../../pipeline/task.ts';
import type { RunFacts } from './run-facts.ts';

/** The pipelines of a project as a process has loaded them; one whose definition throws keeps nobody else back. */
export interface LoadedPipelines {
  readonly resolved: readonly ResolvedPipeline[];
  readonly broken: readonly { readonly name: string; readonly error: SparkifyError }[];
  /** By pipeline: required parameters that nobody gave and that stand for nothing; each run brings its own. @default none */
  readonly unset?: ReadonlyMap<string, readonly string[]>;
}

/** What an attempt works with, or why it must wait. */
export type FoundTask =
  | { readonly kind: 'found'; readonly pipeline: ResolvedPipeline; readonly task: Task }
  | { readonly kind: 'not-here'; readonly reason: string };

/** Pipelines with a run's own parameters that are kept resolved. */
const MAX_RESOLVED = 100;

/**
 * The definitions that attempts run with. A run refers to the version it began with, but only today's code is there:
 *
 * - other schedules, retries, pools: the run goes on with today's functions;
 * - another semantic version: what was asked for by hand runs under today's (the ledger refuses to mix definitions);
 *   scheduled and backfilled runs fail, because their cells were promised under the other one;
 * - a process with older code than the run leaves the task to others;
 * - a definition that does not load: the run waits until it does.
 */
export class Definitions {
  #loaded: LoadedPipelines;
  readonly #byName = new Map<string, ResolvedPipeline>();
  readonly #semanticVersions = new Map<string, string>();
  readonly #withParameters = new Map<string, ResolvedPipeline>();
  readonly #tasks = new WeakMap<ResolvedPipeline, ReadonlyMap<string, Task>>();

  constructor(loaded: LoadedPipelines) {
    this.#loaded = loaded;
    this.replace(loaded);
  }

  /** From now on these. */
  replace(loaded: LoadedPipelines): void {
    this.#loaded = loaded;
    this.#byName.clear();
    this.#semanticVersions.clear();
    this.#withParameters.clear();
    for (const pipeline of loaded.resolved) this.#byName.set(pipeline.name, pipeline);
  }

  /**
   * @param current semantic version that the store has in force for the pipeline
   * @throws PIPELINE_GONE, TASK_GONE, RUN_OUTDATED, PARAMETER_INVALID
   */
  find(run: RunFacts, taskName: string, current: (pipeline: string) => string | undefined): FoundTask {
    const declared = this.#byName.get(run.pipeline);
    if (declared === undefined) {
      const broken = this.#loaded.broken.find((b) => b.name === run.pipeline);
      if (broken !== undefined)
        return { kind: 'not-here', reason: `the definition of ${run.pipeline} does not load: ${broken.error.message}` };
      throw new SparkifyError('PIPELINE_GONE', { pipeline: run.pipeline });
    }
    const own = this.#semanticVersion(declared);
    if (own !== run.semanticVersion && run.kind !== 'manual') {
      if (current(run.pipeline) === run.semanticVersion)
        return { kind: 'not-here', reason: `this worker has another definition of ${run.pipeline} than the run` };
      throw new SparkifyError('RUN_OUTDATED', { pipeline: run.pipeline, run: run.id });
    }
    const pipeline = this.#resolved(declared, run);
    const task = this.#tasksOf(pipeline).get(taskName);
    if (task === undefined) throw new SparkifyError('TASK_GONE', { pipeline: run.pipeline, task: taskName });
    return { kind: 'found', pipeline, task };
  }

  #tasksOf(pipeline: ResolvedPipeline): ReadonlyMap<string, Task> {
    let tasks = this.#tasks.get(pipeline);
    if (tasks === undefined) {
      tasks = new Map(pipeline.tasks.map((t) => [t.name, t]));
      this.#tasks.set(pipeline, tasks);
    }
    return tasks;
  }

  #semanticVersion(pipeline: ResolvedPipeline): string {
    let version = this.#semanticVersions.get(pipeline.name);
    if (version === undefined) {
      version = graphOf(pipeline).semanticVersion;
      this.#semanticVersions.set(pipeline.name, version);
    }
    return version;
  }

  #resolved(declared: ResolvedPipeline, run: RunFacts): ResolvedPipeline {
    if (Object.keys(run.request.params).length === 0) return declared;
    const key = `${declared.name}\n${JSON.stringify(run.request.params)}`;
    let resolved = this.#withParameters.get(key);
    if (resolved === undefined) {
      resolved = resolvePipeline(declared.origin, { ...declared.params, ...run.request.params });
      if (this.#withParameters.size >= MAX_RESOLVED) this.#withParameters.clear();
      this.#withParameters.set(key, resolved);
    }
    return resolved;
  }
}

import { systemClock } from '../core/clock.ts';
import type { ProgressListener } from '../core/progress.ts';
import type { RunOptions } from '../operators/run-state.ts';
import type { ResolvedPipeline } from '../pipeline/define.ts';
import type { Warehouse } from '../warehouse/warehouse.ts';
import type { CliContext } from './context.ts';
import type { Project } from './project.ts';
import { sourceOpener, textReader } from './source-access.ts';

/** What a use case that holds the pipeline gets from this process. */
export function runOptions(
  context: CliContext,
  project: Project,
  pipeline: ResolvedPipeline,
  warehouse: Warehouse,
  progress: ProgressListener,
): RunOptions {
  return {
    pipeline,
    warehouse,
    openSource: sourceOpener(project),
    readText: textReader(project),
    clock: systemClock,
    failpoints: context.failpoints,
    progress,
    signal: context.signal,
  };
}

import { toSparkifyError } from '../core/errors.ts';
import type { LoadedPipelines } from '../orchestrator/worker/definitions.ts';
import { type ResolvedPipeline, resolvePipeline } from '../pipeline/define.ts';
import type { CliContext } from './context.ts';
import { unsetParameters, withPlaceholders } from './parameters.ts';
import { type Project, parameterSources } from './project.ts';

/**
 * The project's pipelines under the parameters of its configuration, and those that do not come to be, each with its
 * reason. The built-in one is there for runs that bring their own parameters.
 */
export function loadedPipelines(context: CliContext, project: Project): LoadedPipelines {
  const resolved: ResolvedPipeline[] = [];
  const broken = [...project.broken];
  const unset = new Map<string, readonly string[]>();
  for (const pipeline of project.pipelines) {
    try {
      resolved.push(resolvePipeline(pipeline, project.params[pipeline.name] ?? {}));
    } catch (error) {
      if (project.builtIn && pipeline.name === 'sparkify') {
        const sources = parameterSources(context, project, pipeline);
        // Nobody asked for it, so it does not run by itself.
        resolved.push({ ...withPlaceholders(pipeline, sources), schedule: undefined });
        unset.set(pipeline.name, unsetParameters(pipeline, sources));
      } else broken.push({ name: pipeline.name, error: toSparkifyError(error) });
    }
  }
  return { resolved, broken, unset };
}

import { writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { errorText, SparkifyError } from '../../core/errors.ts';
import { mermaidErd } from '../../warehouse/erd.ts';
import { svgErd } from '../../warehouse/erd-svg.ts';
import { type CliContext, line } from '../context.ts';
import { withPlaceholders } from '../parameters.ts';
import { openProject, type ProjectFlags, parameterSources, pipelineOf } from '../project.ts';

export interface ErdFlags extends ProjectFlags {
  readonly pipeline?: string;
  readonly set?: Readonly<Record<string, string>>;
  readonly format: 'mermaid' | 'svg';
  readonly out?: string;
}

/** `sparkify tables erd`: the star as a diagram, from the definition alone. */
export async function erd(context: CliContext, flags: ErdFlags): Promise<number> {
  const project = await openProject(context, flags);
  const declared = pipelineOf(project, flags.pipeline);
  const pipeline = withPlaceholders(declared, parameterSources(context, project, declared, flags.set));
  const svg = flags.out === undefined ? flags.format === 'svg' : /\.svg$/i.test(flags.out) || flags.format === 'svg';
  const text = (svg ? svgErd(pipeline.tables, { title: pipeline.name }) : mermaidErd(pipeline.tables)).trimEnd();
  if (flags.out === undefined) await line(context.out, text);
  else {
    await writeFile(resolve(context.cwd, flags.out), `${text}\n`).catch((cause: unknown) => {
      throw new SparkifyError(
        'USAGE',
        {
          detail: `${flags.out} cannot be written: ${errorText(cause)}`,
          fix: 'Name a file in a folder that is there and that you may write to.',
        },
        { cause },
      );
    });
    await line(context.err, `${context.errColors.green('✓')} ${flags.out}`);
  }
  return 0;
}

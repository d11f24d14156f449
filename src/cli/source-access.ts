import { systemClock } from '../core/clock.ts';
import { openSink, openSource } from '../sources/open.ts';
import type { Sink } from '../sources/sink.ts';
import type { Source } from '../sources/source.ts';
import type { CliContext } from './context.ts';
import type { Project } from './project.ts';

/** Opens the places that pipelines read from; relative folders are relative to the project. */
export function sourceOpener(project: Project): (root: string) => Promise<Source> {
  return async (root) => openSource(root, { cwd: project.directory, clock: systemClock, s3: project.s3 });
}

/** Opens a place to write objects to; relative folders are relative to the current one. */
export async function openOutput(context: CliContext, project: Project, root: string): Promise<Sink> {
  return openSink(root, { cwd: context.cwd, clock: systemClock, s3: project.s3 });
}

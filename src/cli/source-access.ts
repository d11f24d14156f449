import { openSink, openSource, type Sink, type Source } from '../sources/index.ts';
import { readText } from '../sources/read-text.ts';

import type { CliContext } from './context.ts';
import type { Project } from './project.ts';
import { s3Settings } from './s3-settings.ts';

/** Opens the places that pipelines read from; relative folders are relative to the project. */
export function sourceOpener(project: Project): (root: string) => Promise<Source> {
  return async (root) => openSource(root, { cwd: project.directory, s3: s3Settings(project) });
}

/** Opens a place to write objects to; relative folders are relative to the current one. */
export async function openOutput(context: CliContext, project: Project, root: string): Promise<Sink> {
  return openSink(root, { cwd: context.cwd, s3: s3Settings(project) });
}

/** How this project's runs read a jsonpaths file. */
export function textReader(project: Project): (url: string) => Promise<string> {
  return (url) => readText(url, { cwd: project.directory, s3: s3Settings(project) });
}

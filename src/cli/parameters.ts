import { existsSync } from 'node:fs';
import { isAbsolute, resolve } from 'node:path';
import type { z } from 'zod';
import { type Pipeline, type ResolvedPipeline, resolvePipeline } from '../pipeline/define.ts';

/** Where parameters come from, the later ones standing above the earlier. */
export interface ParameterSources {
  /** `params` of the configuration. */
  readonly config: Readonly<Record<string, unknown>>;
  /** `--set`, as text. */
  readonly set: Readonly<Record<string, string>>;
  /** Existing relative paths in `--set` are relative to it, all others to the project's folder. */
  readonly cwd: string;
  readonly projectDirectory: string;
}

/** A pipeline with its parameters. @throws PARAMETER_INVALID, PIPELINE_INVALID, PIPELINE_CYCLE */
export function withParameters(pipeline: Pipeline, sources: ParameterSources): ResolvedPipeline {
  return resolvePipeline(pipeline, merged(pipeline, sources));
}

/**
 * The same for commands that only look at the star: where to read from does not matter to them, so required texts and
 * numbers that nobody gave are filled with placeholders.
 */
export function withPlaceholders(pipeline: Pipeline, sources: ParameterSources): ResolvedPipeline {
  const values: Record<string, unknown> = { ...merged(pipeline, sources) };
  for (const name of unsetParameters(pipeline, sources)) {
    const schema = pipeline.params.shape[name] as z.ZodType;
    const fitting = ['not-set', 0, false, '1', 1].find((value) => schema.safeParse(value).success);
    if (fitting !== undefined) values[name] = fitting;
  }
  return resolvePipeline(pipeline, values);
}

/** Required parameters that nobody gave. */
export function unsetParameters(pipeline: Pipeline, sources: ParameterSources): readonly string[] {
  const given = merged(pipeline, sources);
  return Object.entries(pipeline.params.shape)
    .filter(([name, schema]) => !Object.hasOwn(given, name) && !(schema as z.ZodType).safeParse(undefined).success)
    .map(([name]) => name);
}

function merged(pipeline: Pipeline, sources: ParameterSources): Readonly<Record<string, unknown>> {
  return { ...sources.config, ...givenParameters(pipeline, sources) };
}

/** What `--set` gives, as values: what a run is asked with, above the project's own parameters. */
export function givenParameters(pipeline: Pipeline, sources: ParameterSources): Readonly<Record<string, unknown>> {
  const set = Object.entries(sources.set).map(([name, text]) => [
    name,
    typed(pipeline.params.shape[name] as z.ZodType | undefined, located(text, sources)),
  ]);
  return Object.fromEntries(set) as Record<string, unknown>;
}

function located(text: string, sources: ParameterSources): string {
  if (sources.cwd === sources.projectDirectory || isAbsolute(text) || text === '' || /^[a-z0-9]+:/i.test(text))
    return text;
  const path = resolve(sources.cwd, text);
  return existsSync(path) ? path : text;
}

/** Text as what the schema asks for: itself where that fits, else the number, boolean or JSON it spells. */
export function typed(schema: z.ZodType | undefined, text: string): unknown {
  if (schema === undefined || schema.safeParse(text).success) return text;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return text;
  }
  return schema.safeParse(value).success ? value : text;
}

import { createHash } from 'node:crypto';
import { join, resolve } from 'node:path';
import { SparkifyError } from '../core/errors.ts';
import { nearest } from '../core/nearest.ts';
import type { AlertTarget } from '../orchestrator/alerts/targets.ts';
import type { Pipeline } from '../pipeline/define.ts';
import { maskUrl } from '../warehouse/url.ts';
import { type BrokenPipeline, loadConfig } from './config.ts';
import type { ParsedConfig } from './config-schema.ts';
import type { CliContext } from './context.ts';
import type { ParameterSources } from './parameters.ts';
import { nameFix } from './suggest.ts';

/** Flags that every command about a project has. */
export interface ProjectFlags {
  readonly config?: string;
  readonly warehouse?: string;
}

/** The settings a command works with: flags, above the environment, above the configuration, above the defaults. */
export interface Project {
  /** Folder of the configuration, else the current one. */
  readonly directory: string;
  readonly configFile: string | undefined;
  /** A `duckdb:` path is absolute. May hold a password: never to be shown. */
  readonly warehouseUrl: string;
  /** The same for people: without a password. */
  readonly shownWarehouse: string;
  readonly warehouseFrom: 'flag' | 'environment' | 'configuration' | 'default';
  /** Where runs and events are kept; an embedded path is absolute. May hold a password: never to be shown. */
  readonly storeUrl: string;
  readonly pools: Readonly<Record<string, number>>;
  readonly alerts: readonly AlertTarget[];
  /** Where `up` answers; what is not said has the server's defaults. */
  readonly server: NonNullable<ParsedConfig['server']>;
  /** For warehouses that do not bring their own. */
  readonly segments: SegmentsPlace;
  readonly s3: NonNullable<ParsedConfig['s3']>;
  readonly memoryLimit: string | undefined;
  readonly threads: number | undefined;
  readonly pipelines: readonly Pipeline[];
  /** Modules that the configuration names by their path. */
  readonly pipelineFiles: readonly string[];
  /** Those whose file does not load. */
  readonly broken: readonly BrokenPipeline[];
  /** Whether `sparkify` is the built-in one: there without anybody having asked for it. */
  readonly builtIn: boolean;
  readonly params: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

/** Where segments last: a folder, or a bucket with this machine's folder as its cache. Both are absolute. */
export type SegmentsPlace = { readonly directory: string; readonly bucketUrl?: string };

const BUILT_IN = 'sparkify';
const DEFAULT_STORE = 'sqlite:.sparkify/store.db';
const DEFAULT_WAREHOUSE = 'duckdb:.sparkify/warehouse.duckdb';

/** @throws CONFIG_LOAD_FAILED, CONFIG_INVALID */
export async function openProject(context: CliContext, flags: ProjectFlags): Promise<Project> {
  const { env, cwd } = context;
  const loaded = await loadConfig(cwd, flags.config ?? set(env.SPARKIFY_CONFIG));
  const [url, base, from] =
    flags.warehouse !== undefined
      ? ([flags.warehouse, cwd, 'flag'] as const)
      : set(env.SPARKIFY_WAREHOUSE) !== undefined
        ? ([env.SPARKIFY_WAREHOUSE!, cwd, 'environment'] as const)
        : loaded.config.warehouse !== undefined
          ? ([loaded.config.warehouse, loaded.directory, 'configuration'] as const)
          : ([DEFAULT_WAREHOUSE, loaded.directory, 'default'] as const);
  const segments = set(env.SPARKIFY_SEGMENTS);
  const threads = set(env.SPARKIFY_THREADS);
  const warehouseUrl = absoluteUrl(url, base);
  const configured = absoluteUrl(loaded.config.warehouse ?? DEFAULT_WAREHOUSE, loaded.directory);
  return {
    directory: loaded.directory,
    configFile: loaded.file,
    warehouseUrl,
    shownWarehouse: maskUrl(warehouseUrl),
    warehouseFrom: from,
    storeUrl:
      set(env.SPARKIFY_STORE) !== undefined
        ? absoluteUrl(env.SPARKIFY_STORE!, cwd)
        : absoluteUrl(
            loaded.config.store ?? (warehouseUrl === configured ? DEFAULT_STORE : storeBeside(warehouseUrl)),
            loaded.directory,
          ),
    pools: loaded.config.pools ?? {},
    alerts: (loaded.config.alerts ?? []).map(({ webhook, secret, on }) => ({
      webhook,
      ...(secret === undefined ? {} : { secret }),
      ...(on === undefined ? {} : { on }),
    })),
    server: loaded.config.server ?? {},
    segments: segmentsPlace(
      segments !== undefined
        ? [segments, cwd]
        : [loaded.config.segments ?? join('.sparkify', 'segments'), loaded.directory],
      cacheOf(env.SPARKIFY_SEGMENTS_CACHE, cwd, loaded),
      warehouseUrl,
    ),
    s3: loaded.config.s3 ?? {},
    memoryLimit: set(env.SPARKIFY_MEMORY_LIMIT) ?? loaded.config.memoryLimit,
    threads: threads === undefined ? loaded.config.threads : wholeThreads(threads),
    pipelines: await withBuiltIn(loaded.pipelines),
    pipelineFiles: loaded.pipelineFiles,
    broken: loaded.broken,
    builtIn: !loaded.pipelines.some((p) => p.name === BUILT_IN),
    params: loaded.config.params ?? {},
  };
}

/** The pipeline of a name; without a name the only one of the project, else `sparkify`. @throws USAGE */
export function pipelineOf(project: Project, name?: string): Pipeline {
  const names = project.pipelines.map((p) => p.name);
  const wanted = name ?? (project.builtIn && project.broken.length > 0 ? project.broken[0]!.name : names[0]!);
  const found = project.pipelines.find((p) => p.name === wanted);
  if (found !== undefined) return found;
  const broken = project.broken.find((p) => p.name === wanted);
  if (broken !== undefined) throw broken.error;
  // Behind a file that does not load may be the one that is meant.
  if (nearest(wanted, names) === undefined && project.broken.length > 0) throw project.broken[0]!.error;
  throw new SparkifyError('USAGE', {
    detail: `There is no pipeline "${wanted}".`,
    fix: nameFix(wanted, names, 'List your pipelines in sparkify.config.ts.'),
  });
}

export function parameterSources(
  context: CliContext,
  project: Project,
  pipeline: Pipeline,
  set: Readonly<Record<string, string>> = {},
): ParameterSources {
  return {
    config: project.params[pipeline.name] ?? {},
    set,
    cwd: context.cwd,
    projectDirectory: project.directory,
  };
}

/** The project's own pipelines first, then the built-in one, unless the project has one of that name. */
async function withBuiltIn(own: readonly Pipeline[]): Promise<readonly Pipeline[]> {
  if (own.some((p) => p.name === BUILT_IN)) return own;
  const builtIn = await import('../../pipelines/sparkify/index.ts');
  return [...own, builtIn.default];
}

/** What was done in another warehouse than the project's is none of the project's history. */
function storeBeside(warehouseUrl: string): string {
  return `sqlite:.sparkify/store-${createHash('sha256').update(warehouseUrl).digest('hex').slice(0, 12)}.db`;
}

function absoluteUrl(url: string, base: string): string {
  const [, engine, path] = /^(duckdb|sqlite):(?!:memory:)(.+)$/s.exec(url) ?? [];
  return path === undefined ? url : `${engine}:${resolve(base, path)}`;
}

function set(text: string | undefined): string | undefined {
  return text === undefined || text === '' ? undefined : text;
}

/** @param cache of a bucket @throws USAGE */
function segmentsPlace(
  [path, base]: readonly [string, string],
  cache: (bucketUrl: string) => string,
  warehouseUrl: string,
): SegmentsPlace {
  if (!/^[a-z][a-z0-9+.-]+:/i.test(path)) return { directory: resolve(base, path) };
  if (!/^s3:/i.test(path))
    throw new SparkifyError('USAGE', {
      detail: `Segments lie in a folder or a bucket; ${maskUrl(path)} is neither.`,
      fix: 'Name a folder, or s3://bucket/prefix; with several machines one that all of them can reach.',
    });
  if (/^duckdb:/i.test(warehouseUrl))
    throw new SparkifyError('USAGE', {
      detail: `The segments of an embedded warehouse lie in a folder beside its file; ${maskUrl(path)} is none.`,
      fix: 'Leave `segments` out, or let `warehouse` name a PostgreSQL database: the embedded one belongs to one process.',
    });
  return { directory: cache(path), bucketUrl: path };
}

/** Each bucket has a cache of its own by default, so that what was written for one is not taken to be in another. */
function cacheOf(
  wanted: string | undefined,
  cwd: string,
  { config, directory }: { readonly config: ParsedConfig; readonly directory: string },
): (bucketUrl: string) => string {
  return (bucketUrl) => {
    if (set(wanted) !== undefined) return resolve(cwd, wanted!);
    if (config.segmentsCache !== undefined) return resolve(directory, config.segmentsCache);
    const place = `${config.s3?.endpoint ?? ''} ${bucketUrl.replace(/\/+$/, '')}`;
    return join(directory, '.sparkify', `segments-${createHash('sha256').update(place).digest('hex').slice(0, 12)}`);
  };
}

function wholeThreads(text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 1) return value;
  throw new SparkifyError('USAGE', {
    detail: `SPARKIFY_THREADS is "${text}", which is no number of threads.`,
    fix: 'Set it to a whole number from 1 on, or unset it.',
  });
}

import { existsSync, statSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { errorText, isSparkifyError, SparkifyError, toSparkifyError } from '../core/errors.ts';
import type { Pipeline } from '../pipeline/define.ts';
import { configProblems, configSchema, type ParsedConfig, pipelineSchema } from './config-schema.ts';
import { findConfig } from './find-config.ts';

export interface LoadedConfig {
  /** Absolute; undefined when there is none and the defaults hold. */
  readonly file: string | undefined;
  /** What relative paths in it are relative to. */
  readonly directory: string;
  readonly config: Omit<ParsedConfig, 'pipelines'>;
  readonly pipelines: readonly Pipeline[];
  /** Of those that are listed by a path. */
  readonly pipelineFiles: readonly string[];
  /** Listed by a path whose module does not load; the others are not kept back by it. */
  readonly broken: readonly BrokenPipeline[];
}

/** Nobody knows the name of a pipeline that does not load: that of its file stands for it. */
export interface BrokenPipeline {
  readonly name: string;
  readonly error: SparkifyError;
}

/**
 * Finds, loads and checks the configuration; TypeScript is compiled on the fly, and `sparkify` in it is this package.
 * @throws CONFIG_LOAD_FAILED, CONFIG_INVALID
 */
export async function loadConfig(cwd: string, explicit?: string): Promise<LoadedConfig> {
  const file = explicit === undefined ? findConfig(cwd) : resolve(cwd, explicit);
  if (file === undefined)
    return { file, directory: resolve(cwd), config: {}, pipelines: [], pipelineFiles: [], broken: [] };
  if (!existsSync(file)) throw new SparkifyError('CONFIG_LOAD_FAILED', { file, detail: 'there is no such file' });
  const directory = dirname(file);
  const parsed = configSchema.safeParse(await importDefault(file));
  if (!parsed.success) {
    throw new SparkifyError('CONFIG_INVALID', { file, detail: configProblems(parsed.error) });
  }
  const { pipelines: listed = [], ...config } = parsed.data;
  const pipelines: Pipeline[] = [];
  const pipelineFiles: string[] = [];
  const broken: BrokenPipeline[] = [];
  for (const entry of listed) {
    if (typeof entry !== 'string') pipelines.push(entry);
    else {
      const path = pipelineFile(resolve(directory, entry), file);
      pipelineFiles.push(path);
      try {
        pipelines.push(await loadPipeline(path));
      } catch (error) {
        broken.push({ name: fileName(path), error: toSparkifyError(error) });
      }
    }
  }
  const names = pipelines.map((p) => p.name);
  const doubled = names.find((name, i) => names.indexOf(name) !== i);
  if (doubled !== undefined)
    throw new SparkifyError('CONFIG_INVALID', { file, detail: `pipelines: two of them are called ${doubled}` });
  return { file, directory, config, pipelines, pipelineFiles, broken };
}

function pipelineFile(path: string, configFile: string): string {
  const isFile = (p: string): boolean => statSync(p, { throwIfNoEntry: false })?.isFile() === true;
  const file = [path, `${path}.ts`, join(path, 'index.ts')].find(isFile);
  if (file !== undefined) return file;
  throw new SparkifyError('CONFIG_INVALID', { file: configFile, detail: `pipelines: there is no file ${path}` });
}

/** Without its ending; of an index, its folder's. */
function fileName(path: string): string {
  const name = basename(path).replace(/\.[^.]+$/, '');
  return name === 'index' ? basename(dirname(path)) : name;
}

async function loadPipeline(file: string): Promise<Pipeline> {
  const parsed = pipelineSchema.safeParse(await importDefault(file));
  if (!parsed.success) throw new SparkifyError('CONFIG_INVALID', { file, detail: 'its default export is no pipeline' });
  return parsed.data;
}

async function importDefault(file: string): Promise<unknown> {
  // The package itself is handed over as a module: a project need not have it installed, and gets no second copy of it.
  const sparkify: unknown = await import('../index.ts');
  const { createJiti } = await import('jiti');
  const jiti = createJiti(file, {
    virtualModules: { sparkify },
    // Compiling costs a fifth of a second; the cache stays with the project, where nobody else can write to it.
    fsCache: join(dirname(file), '.sparkify', 'cache'),
    moduleCache: false,
    interopDefault: false,
  });
  try {
    const module = (await jiti.import(file)) as { default?: unknown };
    if (module.default === undefined)
      throw new SparkifyError('CONFIG_LOAD_FAILED', { file, detail: 'it has no default export' });
    return module.default;
  } catch (error) {
    if (isSparkifyError(error)) throw error;
    throw new SparkifyError('CONFIG_LOAD_FAILED', { file, detail: firstLine(error) }, { cause: error });
  }
}

function firstLine(error: unknown): string {
  return errorText(error).split('\n')[0]!.trim();
}

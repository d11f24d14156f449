import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { createJiti } from 'jiti';
import { errorText, isSparkifyError, SparkifyError } from '../core/errors.ts';
import type { Pipeline } from '../pipeline/define.ts';
import { configProblems, configSchema, type ParsedConfig, pipelineSchema } from './config-schema.ts';

const NAMES = ['sparkify.config.ts', 'sparkify.config.mts', 'sparkify.config.js', 'sparkify.config.mjs'];

export interface LoadedConfig {
  /** Absolute; undefined when there is none and the defaults hold. */
  readonly file: string | undefined;
  /** What relative paths in it are relative to. */
  readonly directory: string;
  readonly config: Omit<ParsedConfig, 'pipelines'>;
  readonly pipelines: readonly Pipeline[];
}

/** The configuration file of a folder: its own, else the nearest above it. */
export function findConfig(cwd: string): string | undefined {
  for (let folder = resolve(cwd); ; folder = dirname(folder)) {
    const found = NAMES.map((name) => join(folder, name)).find((file) => existsSync(file));
    if (found !== undefined) return found;
    if (dirname(folder) === folder) return undefined;
  }
}

/**
 * Finds, loads and checks the configuration; TypeScript is compiled on the fly, and `sparkify` in it is this package.
 * @throws CONFIG_LOAD_FAILED, CONFIG_INVALID
 */
export async function loadConfig(cwd: string, explicit?: string): Promise<LoadedConfig> {
  const file = explicit === undefined ? findConfig(cwd) : resolve(cwd, explicit);
  if (file === undefined) return { file, directory: resolve(cwd), config: {}, pipelines: [] };
  if (!existsSync(file)) throw new SparkifyError('CONFIG_LOAD_FAILED', { file, detail: 'there is no such file' });
  const directory = dirname(file);
  const parsed = configSchema.safeParse(await importDefault(file));
  if (!parsed.success) {
    throw new SparkifyError('CONFIG_INVALID', { file, detail: configProblems(parsed.error) }, { cause: parsed.error });
  }
  const { pipelines: listed = [], ...config } = parsed.data;
  const pipelines: Pipeline[] = [];
  for (const entry of listed) {
    pipelines.push(typeof entry === 'string' ? await loadPipeline(resolve(directory, entry), file) : entry);
  }
  const names = pipelines.map((p) => p.name);
  const doubled = names.find((name, i) => names.indexOf(name) !== i);
  if (doubled !== undefined)
    throw new SparkifyError('CONFIG_INVALID', { file, detail: `pipelines: two of them are called ${doubled}` });
  return { file, directory, config, pipelines };
}

async function loadPipeline(path: string, configFile: string): Promise<Pipeline> {
  const file = existsSync(path) ? path : [`${path}.ts`, join(path, 'index.ts')].find((p) => existsSync(p));
  if (file === undefined)
    throw new SparkifyError('CONFIG_INVALID', { file: configFile, detail: `pipelines: there is no file ${path}` });
  const parsed = pipelineSchema.safeParse(await importDefault(file));
  if (!parsed.success) throw new SparkifyError('CONFIG_INVALID', { file, detail: 'its default export is no pipeline' });
  return parsed.data;
}

async function importDefault(file: string): Promise<unknown> {
  // The package itself is handed over as a module: a project need not have it installed, and gets no second copy of it.
  const sparkify: unknown = await import('../index.ts');
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

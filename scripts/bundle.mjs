// The command as a few large files: loading hundreds of small modules is most of what a short command takes. docs/adr/0011.
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { rolldown } from 'rolldown';
import { libsqlInBundle } from './bundle-libsql.mjs';
import { root } from './setup.mjs';

/** What is begun by its file name: the command, what projects import, and threads. All lie side by side. */
const entries = {
  bin: 'src/cli/bin.ts',
  index: 'src/index.ts',
  worker: 'src/ingest/scan/worker.ts',
  'thread-entry': 'src/operators/thread-entry.ts',
};

/**
 * Native, or large and seldom needed: they stay packages, loaded when they are needed. Where another package is named, only
 * that one is sure to find it.
 */
const packages = {
  '@aws-sdk/client-s3': undefined,
  '@aws-sdk/credential-providers': undefined,
  '@duckdb/node-bindings': '@duckdb/node-api',
  jiti: undefined,
  pg: undefined,
  'pg-copy-streams': undefined,
  pino: undefined,
  undici: undefined,
};

/**
 * What commands load step by step, as one file each: to find and to open a hundred files of a few lines takes longer than to
 * run them. A part is what lies below these paths with all that it imports, without what the parts before it have.
 */
const parts = {
  start: [
    'src/core/errors.ts',
    'src/core/failpoints.ts',
    'src/cli/error-report.ts',
    'src/cli/output.ts',
    'src/cli/package.ts',
    'src/orchestrator/cells/plan.ts',
    'src/server/operations.ts',
  ],
  main: ['src/cli/main.ts'],
  client: ['src/cli/control.ts', 'src/cli/commands/status.ts', 'src/cli/commands/plan.ts'],
  project: ['src/cli/project.ts', 'src/cli/s3-settings.ts', 'src/cli/parameters.ts', 'src/index.ts', 'pipelines/'],
  ledger: ['src/ledger/'],
  store: ['src/cli/store-access.ts'],
  api: ['src/server/local.ts', 'src/cli/server-parts.ts', 'src/cli/loaded-pipelines.ts'],
};

const MARK = 'package:';

/**
 * Packages are taken by `require`: an `import` of CommonJS first searches its whole text for the names it exports. The
 * module is the same one either way.
 */
const requiredPackages = {
  name: 'required-packages',
  resolveId: (id, importer) => {
    if (!Object.hasOwn(packages, id)) return null;
    return importer?.startsWith(MARK) ? { id, external: true } : { id: `${MARK}${id}` };
  },
  load: (id) => {
    if (!id.startsWith(MARK)) return null;
    const name = id.slice(MARK.length);
    const owner = packages[name];
    const require =
      owner === undefined
        ? 'require'
        : `require('node:module').createRequire(require.resolve('${owner}/package.json'))`;
    return { code: `module.exports = ${require}('${name}');`, moduleType: 'js' };
  },
};

/** Zod's messages in fifty languages are half of it. English is in the bundle; others come from the package when asked for. */
const zodLanguages = {
  name: 'zod-languages',
  load: {
    filter: { id: /\/zod\/v4\/locales\/index\.js$/u },
    handler: (id) => {
      const names = readFileSync(id, 'utf8').matchAll(/as (\w+) \} from/gu);
      const lines = [...names].map(([, name]) =>
        name === 'en'
          ? "export { default as en } from './en.js';"
          : `export const ${name} = () => createRequire(import.meta.url)('zod/locales').${name}();`,
      );
      return `import { createRequire } from 'node:module';\n${lines.join('\n')}`;
    },
  },
};

/** What starts programs of the system is only needed by those who do. */
const childProcessLater = {
  name: 'child-process-later',
  resolveId: {
    filter: { id: /^(?:node:)?child_process$/u },
    handler: (_, importer) => (/[\\/]node_modules[\\/]/u.test(importer ?? '') ? LATER : null),
  },
  load: (id) =>
    id === LATER
      ? {
          code: ['exec', 'execSync', 'spawn']
            .map((name) => `exports.${name} = (...given) => require('node:child_process').${name}(...given);`)
            .join('\n'),
          moduleType: 'js',
        }
      : null,
};
const LATER = 'later:child_process';

/** Code that is kept compiled cannot import, and what Node brings itself is there as soon by `require`. */
const requiredOfNode = {
  name: 'required-of-node',
  renderChunk: (code) => code.replaceAll(/\bimport\(("node:[\w/]+")\)/gu, 'Promise.resolve(require($1))'),
};

/** The parts as groups of modules, and the plugin that finds them once all modules are known. */
function partsOfCommand() {
  const partOf = new Map();
  const plugin = {
    name: 'parts-of-command',
    buildEnd() {
      for (const [part, paths] of Object.entries(parts)) {
        const below = paths.map((path) => join(root, path));
        const open = [...this.getModuleIds()].filter((id) => below.some((path) => id.startsWith(path)));
        for (let id = open.pop(); id !== undefined; id = open.pop()) {
          if (partOf.has(id)) continue;
          partOf.set(id, part);
          open.push(...(this.getModuleInfo(id)?.importedIds ?? []));
        }
      }
    },
  };
  // What only one file needs stays with it, but for what every command loads.
  const groups = Object.keys(parts).map((name) => ({
    name,
    test: (id) => partOf.get(id) === name,
    minShareCount: name === 'start' || name === 'main' ? 1 : 2,
  }));
  return { plugin, groups };
}

/** Writes `dist/bundle`. @throws when a file of it could not be loaded as the sources can */
export async function bundle() {
  const folder = join(root, 'dist', 'bundle');
  const { plugin, groups } = partsOfCommand();
  const input = await rolldown({
    cwd: root,
    platform: 'node',
    input: entries,
    resolve: { alias: { sparkify: join(root, entries.index) } },
    plugins: [requiredPackages, zodLanguages, libsqlInBundle, childProcessLater, requiredOfNode, plugin],
    onLog: (level, log) => {
      // What is imported in two ways is in a part that both load.
      if (level === 'warn' && log.code !== 'INEFFECTIVE_DYNAMIC_IMPORT') throw new Error(log.message);
    },
  });
  const { output } = await input.generate({
    format: 'cjs',
    strict: true,
    entryFileNames: '[name].js',
    chunkFileNames: '[name]-[hash].js',
    comments: { legal: false, jsdoc: false, annotation: true },
    minifyInternalExports: false,
    codeSplitting: { groups },
  });
  await input.close();
  const chunks = output.filter((file) => file.type === 'chunk');
  refuseImportsOfCommand(chunks);
  refuseImports(chunks.filter((chunk) => !chunk.isEntry));
  refuseMissingFiles(chunks);
  for (const old of [folder, join(root, 'dist', 'compiled')]) rmSync(old, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'licenses.txt'), licenses(chunks.flatMap((chunk) => chunk.moduleIds)));
  writeFileSync(join(folder, 'package.json'), '{"type":"commonjs"}\n');
  // The command is last: while it is there, all of it is.
  for (const chunk of chunks.sort((a, b) => Number(a.name === 'bin') - Number(b.name === 'bin')))
    writeFileSync(join(folder, chunk.fileName), chunk.code);
}

/** What is begun by its file name: a thread, or a project that imports the package, would run the command. */
function refuseImportsOfCommand(chunks) {
  const found = chunks.find(({ imports }) => imports.includes('bin.js'));
  if (found !== undefined) throw new Error(`${found.fileName} of the bundle imports the command itself`);
}

/** Only files that are begun by their names, which are not kept compiled, may import something else than each other. */
function refuseImports(chunks) {
  const found = chunks.find(({ code }) => /(?<![\w$.])import\(/u.test(code));
  if (found !== undefined) throw new Error(`${found.fileName} of the bundle imports something while it runs`);
}

/** Threads are begun by the names of their files. */
function refuseMissingFiles(chunks) {
  const names = new Set(chunks.map((chunk) => chunk.fileName));
  for (const { fileName, code } of chunks)
    for (const [, wanted] of code.matchAll(/["']\.\/([\w.-]+\.js)["']/gu))
      if (!names.has(wanted)) throw new Error(`${fileName} of the bundle names ${wanted}, which is not in it`);
}

/** The licences of the packages whose code is in the bundle. */
function licenses(modules) {
  const folders = modules.flatMap((id) => /.*\/node_modules\/(?:@[^/]+\/)?[^/]+/u.exec(id)?.[0] ?? []);
  // The compiled kernel has its allocator in it.
  const compiler = join(root, 'node_modules', 'assemblyscript');
  return [...new Set([...folders, compiler])]
    .map((at) => ({ at, ...JSON.parse(readFileSync(join(at, 'package.json'), 'utf8')) }))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .map(({ at, name, version, license }) => {
      const file = readdirSync(at).find((entry) => /^licen[cs]e/iu.test(entry));
      return `${name} ${version}, ${license}\n\n${file === undefined ? '' : readFileSync(join(at, file), 'utf8').trim()}\n`;
    })
    .join(`\n${'-'.repeat(80)}\n\n`);
}

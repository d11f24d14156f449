// The command as a few large files: loading hundreds of small modules is most of what a short command takes. docs/adr/0011.
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { rolldown } from 'rolldown';
import { root } from './setup.mjs';

/** What is begun by its file name: the command, what projects import, and threads. All lie side by side. */
const entries = {
  bin: 'src/cli/bin.ts',
  index: 'src/index.ts',
  worker: 'src/ingest/scan/worker.ts',
  'thread-entry': 'src/operators/thread-entry.ts',
};

/** Native, or large and seldom needed: they stay packages, loaded when they are needed. */
const packages = [
  '@aws-sdk/client-s3',
  '@aws-sdk/credential-providers',
  '@duckdb/node-api',
  'jiti',
  'libsql',
  'pg',
  'pg-copy-streams',
  'pino',
  'undici',
];

const MARK = '\0package:';

/**
 * Packages are taken by `require`: an `import` of CommonJS first searches its whole text for the names it exports. The
 * module is the same one either way.
 */
const requiredPackages = {
  name: 'required-packages',
  resolveId: (id, importer) => {
    if (!packages.includes(id)) return null;
    return importer?.startsWith(MARK) ? { id, external: true } : { id: `${MARK}${id}` };
  },
  load: (id) =>
    id.startsWith(MARK)
      ? { code: `module.exports = require(${JSON.stringify(id.slice(MARK.length))});`, moduleType: 'js' }
      : null,
};

/** Writes `dist/bundle`. @throws when a file of it could not be loaded as the sources can */
export async function bundle() {
  const folder = join(root, 'dist', 'bundle');
  const input = await rolldown({
    cwd: root,
    platform: 'node',
    input: entries,
    resolve: { alias: { sparkify: join(root, entries.index) } },
    plugins: [requiredPackages],
    onLog: (level, log) => {
      if (level !== 'debug' && level !== 'info') throw new Error(log.message);
    },
  });
  const { output } = await input.generate({
    format: 'esm',
    entryFileNames: '[name].js',
    chunkFileNames: '[name]-[hash].js',
    comments: { legal: false, jsdoc: false, annotation: true },
    minifyInternalExports: false,
  });
  await input.close();
  const chunks = output.filter((file) => file.type === 'chunk');
  refuseImportsOfCommand(chunks);
  refuseMissingFiles(chunks);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'licenses.txt'), licenses(chunks.flatMap((chunk) => chunk.moduleIds)));
  // The command is last: while it is there, all of it is.
  for (const chunk of chunks.sort((a, b) => Number(a.name === 'bin') - Number(b.name === 'bin')))
    writeFileSync(join(folder, chunk.fileName), chunk.code);
}

/** The command waits for what it loads; whatever waited for the command in turn would never begin. */
function refuseImportsOfCommand(chunks) {
  const found = chunks.find(({ imports }) => imports.includes('bin.js'));
  if (found !== undefined) throw new Error(`${found.fileName} of the bundle imports the command itself`);
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
  const names = new Set(modules.flatMap((id) => /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)/u.exec(id)?.[1] ?? []));
  return [...names]
    .sort()
    .map((name) => {
      const at = join(root, 'node_modules', name);
      const { version, license } = JSON.parse(readFileSync(join(at, 'package.json'), 'utf8'));
      const file = readdirSync(at).find((entry) => /^licen[cs]e/iu.test(entry));
      return `${name} ${version}, ${license}\n\n${file === undefined ? '' : readFileSync(join(at, file), 'utf8').trim()}\n`;
    })
    .join(`\n${'-'.repeat(80)}\n\n`);
}

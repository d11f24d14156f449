import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ensureBuilt } from './built.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'sparkify-packed-'));
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  readonly bin: { readonly sparkify: string };
  readonly dependencies: Readonly<Record<string, string>>;
};
const installed = join(folder, 'node_modules', 'sparkify');
const bin = join(installed, manifest.bin.sparkify);

/** What npm would pack lies where npm would install it, beside the packages it asks for and no others. */
beforeAll(async () => {
  await ensureBuilt();
  const packed = execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], { cwd: root, stdio: 'pipe' });
  const [{ files }] = JSON.parse(packed.toString()) as [{ readonly files: readonly { readonly path: string }[] }];
  for (const { path } of files) cpSync(join(root, path), join(installed, path));
  for (const name of Object.keys(manifest.dependencies)) {
    const at = join(folder, 'node_modules', name);
    mkdirSync(dirname(at), { recursive: true });
    symlinkSync(join(root, 'node_modules', name), at, 'dir');
  }
  writeFileSync(join(folder, 'package.json'), '{"name":"empty","private":true,"type":"module"}');
}, 120_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const sparkify = (cwd: string, ...args: string[]) =>
  execa(process.execPath, [bin, ...args], { cwd, stdin: 'ignore', env: { NO_COLOR: '1', SPARKIFY_WAREHOUSE: '' } });

test('the packed package starts, makes a project and runs it', async () => {
  expect((await sparkify(folder, '--help')).stdout).toContain('Usage: sparkify');
  await sparkify(folder, 'init', 'shop');
  const shop = join(folder, 'shop');
  const { stdout } = await sparkify(shop, 'run', 'orders', '--json');
  expect(JSON.parse(stdout)).toMatchObject({ outcome: 'published', tables: [{ added: 6 }, { added: 4 }] });
  expect((await sparkify(shop, 'plan', 'orders', '--graph')).stdout).toContain('load_orders');
});

test('a project finds its declarations', () => {
  const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  execFileSync(process.execPath, [tsc, '--noEmit', '-p', join(folder, 'shop')], { stdio: 'pipe' });
});

test('a project imports it as a package, and a thread of a task does too', async () => {
  const shop = join(folder, 'counted');
  mkdirSync(shop);
  writeFileSync(
    join(shop, 'count.mjs'),
    "import { z } from 'sparkify';\nexport const count = () => z.int().parse(42);\n",
  );
  writeFileSync(
    join(shop, 'sparkify.config.mjs'),
    `import { chain, defineConfig, definePipeline, thread, z } from 'sparkify';
const count = thread('count', new URL('./count.mjs', import.meta.url), 'count');
export default defineConfig({
  pipelines: [
    definePipeline({
      name: 'counted',
      params: z.object({}),
      define: () => ({ stagings: [], tables: [], tasks: chain(count) }),
    }),
  ],
});
`,
  );
  await sparkify(shop, 'run', 'counted');
  expect((await sparkify(shop, 'status')).stdout).toContain('All is well');
});

test('the licences of the packages in it come with it', () => {
  const text = readFileSync(join(dirname(bin), 'licenses.txt'), 'utf8');
  for (const name of ['commander', 'hono', 'kysely', 'zod']) expect(text).toMatch(new RegExp(`^${name} \\d.*MIT`, 'm'));
});

import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { loadConfig } from '../../src/cli/config.ts';
import { withParameters } from '../../src/cli/parameters.ts';
import { runCli } from '../../src/cli/program.ts';
import { fakeContext } from './fake-context.ts';

test('init writes a project whose pipeline loads and resolves', async () => {
  const cwd = await mkdtemp(join(tmpdir(), 'sparkify-init-'));
  const context = fakeContext({ cwd });
  expect(await runCli(['init', 'My Shop'], context)).toBe(0);
  const root = join(cwd, 'My Shop');
  const { pipelines, config } = await loadConfig(root);
  expect(pipelines.map((p) => p.name)).toEqual(['orders']);
  const sources = { config: config.params!.orders!, set: {}, cwd: root, projectDirectory: root };
  const pipeline = withParameters(pipelines[0]!, sources);
  expect(pipeline.tasks.map((t) => t.name)).toEqual([
    'create_tables',
    'stage_orders',
    'load_orders',
    'load_customers',
    'quality',
    'publish',
  ]);
  expect(JSON.parse(await readFile(join(root, 'package.json'), 'utf8'))).toMatchObject({
    name: 'my-shop',
    type: 'module',
  });
  for (const file of ['README.md', 'tsconfig.json', '.gitignore', 'sparkify.config.ts'])
    expect(await readFile(join(root, file), 'utf8')).not.toMatch(/__[A-Z_]+__/);
  expect(await readFile(join(root, 'README.md'), 'utf8')).toMatch(/^# My Shop\n/);
});

test('init never writes over anything', async () => {
  const cwd = await mkdtemp(join(tmpdir(), 'sparkify-init-'));
  await writeFile(join(cwd, 'mine.txt'), 'x');
  const context = fakeContext({ cwd });
  expect(await runCli(['init', '.'], context)).toBe(2);
  expect(context.errors()).toContain('nothing was written');
});

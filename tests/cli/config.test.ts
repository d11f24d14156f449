import { mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import sparkify from '../../pipelines/sparkify/index.ts';
import { loadConfig } from '../../src/cli/config.ts';
import { findConfig } from '../../src/cli/find-config.ts';
import { typed, withParameters, withPlaceholders } from '../../src/cli/parameters.ts';
import { openProject, pipelineOf } from '../../src/cli/project.ts';
import { collectSet } from '../../src/cli/set-option.ts';
import { fakeContext } from './fake-context.ts';

async function folder(files: Readonly<Record<string, string>>): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), 'sparkify-config-'));
  for (const [name, text] of Object.entries(files)) {
    await mkdir(join(root, name, '..'), { recursive: true });
    await writeFile(join(root, name), text);
  }
  return root;
}

const PIPELINE = `import { chain, col, createTables, definePipeline, fact, loadFact, publish, read, stage, staging, z } from 'sparkify';
export default definePipeline({
  name: 'clicks',
  params: z.object({ data: z.string(), least: z.number().default(1) }),
  define: ({ data, least }: { data: string; least: number }) => {
    const s = staging('staging_clicks', { doc: '', root: data, key: ['id'], columns: { id: read.integer({ required: true, min: least, doc: '' }) } });
    const f = fact('clicks', { doc: '', from: s, key: ['id'], columns: { id: col.bigint({ sql: 'r.id', doc: '' }) } });
    return { stagings: [s], tables: [f], tasks: chain(createTables(), stage(s), loadFact(f), publish()) };
  },
});
`;

test('a configuration in TypeScript is found upwards and loaded, its pipelines by value or by path', async () => {
  const root = await folder({
    'sparkify.config.ts': `import { defineConfig } from 'sparkify';
import clicks from './clicks.ts';
export default defineConfig({ warehouse: 'duckdb:w.duckdb', pipelines: [clicks, 'more/other'], threads: 2 as number });`,
    'clicks.ts': PIPELINE,
    'more/other.ts': PIPELINE.replace("name: 'clicks'", "name: 'other'"),
    'deep/er/x.txt': '',
  });
  expect(findConfig(join(root, 'deep', 'er'))).toBe(join(root, 'sparkify.config.ts'));
  const loaded = await loadConfig(join(root, 'deep', 'er'));
  expect(loaded.pipelines.map((p) => p.name)).toEqual(['clicks', 'other']);
  expect(loaded.config).toEqual({ warehouse: 'duckdb:w.duckdb', threads: 2 });
});

test.each([
  ["export default { warehous: 'x' }", 'CONFIG_INVALID', 'there is no field "warehous", did you mean warehouse?'],
  [
    'export default { s3: { conections: 1 } }',
    'CONFIG_INVALID',
    's3: there is no field "conections", did you mean connections?',
  ],
  ['export default { threads: 0 }', 'CONFIG_INVALID', 'threads'],
  ['export default { pipelines: [{}] }', 'CONFIG_INVALID', 'neither a pipeline'],
  ["export default { pipelines: ['./nowhere'] }", 'CONFIG_INVALID', 'there is no file'],
  ["export default { memoryLimit: 'lots' }", 'CONFIG_INVALID', '512MB'],
  ['export default { pools: { db: 0 } }', 'CONFIG_INVALID', 'a pool has at least 1 slot'],
  ["export default { alerts: [{ webhook: 'ftp://x' }] }", 'CONFIG_INVALID', 'https://hooks.example.com'],
  ["export default { alerts: [{ webhook: 'https://x.example', on: ['broken'] }] }", 'CONFIG_INVALID', 'alerts.0.on.0'],
  ['export const x = 1', 'CONFIG_LOAD_FAILED', 'no default export'],
  ["throw new Error('boom')", 'CONFIG_LOAD_FAILED', 'boom'],
  ["import './missing.ts'; export default {}", 'CONFIG_LOAD_FAILED', 'missing'],
])('%s is refused with its place', async (text, code, part) => {
  const root = await folder({ 'sparkify.config.mjs': text });
  const error = await loadConfig(root).catch((e: unknown) => e);
  expect(error).toMatchObject({ code, params: { file: join(root, 'sparkify.config.mjs') } });
  expect((error as Error).message).toContain(part);
});

test('flag stands above environment, environment above configuration, that above the default', async () => {
  const root = await folder({
    'sparkify.config.mjs': "export default { warehouse: 'duckdb:of-config.duckdb' }",
    'sub/x': '',
  });
  const cwd = join(root, 'sub');
  const env = { SPARKIFY_WAREHOUSE: 'duckdb:of-env.duckdb' };
  const url = async (overrides: object, flags: object) =>
    (await openProject(fakeContext({ cwd, ...overrides }), flags)).warehouseUrl;
  expect(await url({ env }, { warehouse: 'duckdb:of-flag.duckdb' })).toBe(`duckdb:${join(cwd, 'of-flag.duckdb')}`);
  expect(await url({ env }, {})).toBe(`duckdb:${join(cwd, 'of-env.duckdb')}`);
  expect(await url({}, {})).toBe(`duckdb:${join(root, 'of-config.duckdb')}`);
  const bare = await folder({});
  expect(await url({ cwd: bare }, {})).toBe(`duckdb:${join(bare, '.sparkify', 'warehouse.duckdb')}`);
});

describe('segments', () => {
  const place = async (cwd: string, segments: string, more: Readonly<Record<string, string>> = {}) => {
    const env = { SPARKIFY_SEGMENTS: segments, SPARKIFY_WAREHOUSE: 'postgresql://host/db', ...more };
    return (await openProject(fakeContext({ cwd, env }), {})).segments;
  };

  test('lie in a folder or a bucket, and nothing that looks like another place is taken for one', async () => {
    const cwd = await folder({});
    expect(await place(cwd, 'here')).toEqual({ directory: join(cwd, 'here') });
    await expect(place(cwd, 'file:///tmp/segments')).rejects.toMatchObject({
      code: 'USAGE',
      message: 'Segments lie in a folder or a bucket; file:///tmp/segments is neither.',
    });
  });

  test('of an embedded warehouse lie beside its file', async () => {
    const cwd = await folder({});
    await expect(place(cwd, 's3://bucket/segments', { SPARKIFY_WAREHOUSE: 'duckdb:w.duckdb' })).rejects.toMatchObject({
      code: 'USAGE',
      message: 'The segments of an embedded warehouse lie in a folder beside its file; s3://bucket/segments is none.',
    });
  });

  test('in a bucket have a folder of this machine, by default one for each bucket', async () => {
    const cwd = await folder({
      'sparkify.config.mjs': "export default { segments: 's3://lake/a', segmentsCache: 'cached' }",
      'sub/x': '',
    });
    const env = { SPARKIFY_WAREHOUSE: 'postgresql://host/db' };
    const configured = await openProject(fakeContext({ cwd: join(cwd, 'sub'), env }), {});
    expect(configured.segments).toEqual({ directory: join(cwd, 'cached'), bucketUrl: 's3://lake/a' });
    const bare = await folder({});
    const [one, again, other] = await Promise.all(
      ['s3://lake/a', 's3://lake/a/', 's3://lake/b'].map((url) => place(bare, url)),
    );
    expect(one!.directory.startsWith(join(bare, '.sparkify', 'segments-'))).toBe(true);
    expect(again!.directory).toBe(one!.directory);
    expect(other!.directory).not.toBe(one!.directory);
    expect(await place(bare, 's3://lake/a', { SPARKIFY_SEGMENTS_CACHE: 'c' })).toMatchObject({
      directory: join(bare, 'c'),
    });
  });
});

test('the built-in pipeline is there without a configuration, and a project may have its own of that name', async () => {
  const bare = await openProject(fakeContext({ cwd: await folder({}) }), {});
  expect(pipelineOf(bare).name).toBe('sparkify');
  const root = await folder({
    'sparkify.config.ts': `import own from './own.ts'; export default { pipelines: [own] };`,
    'own.ts': PIPELINE.replace("name: 'clicks'", "name: 'sparkify'"),
  });
  const project = await openProject(fakeContext({ cwd: root }), {});
  expect(project.pipelines).toHaveLength(1);
  expect(Object.keys(pipelineOf(project, 'sparkify').params.shape)).toEqual(['data', 'least']);
});

test('--set keeps further equals signs and refuses what is no assignment', () => {
  expect(collectSet('a=b=c', { x: '1' })).toEqual({ x: '1', a: 'b=c' });
  expect(() => collectSet('=b')).toThrow('name=value');
  expect(() => collectSet('a=2', { a: '1' })).toThrow('twice');
});

test('text becomes what the schema asks for, and stays text where that fits', () => {
  expect(typed(z.number(), '12')).toBe(12);
  expect(typed(z.boolean(), 'true')).toBe(true);
  expect(typed(z.string(), '12')).toBe('12');
  expect(typed(z.number().optional(), '1.5')).toBe(1.5);
  expect(typed(z.number(), 'twelve')).toBe('twelve');
});

test('--set stands above the configuration; looking at the star needs no sources', () => {
  const sources = {
    config: { logData: 'a', songData: 'b' },
    set: { songData: 'c', match: 'strict' },
    cwd: '/',
    projectDirectory: '/',
  };
  const resolved = withParameters(sparkify, sources);
  expect(resolved.params).toMatchObject({ logData: 'a', songData: 'c', match: 'strict' });
  const looking = withPlaceholders(sparkify, { ...sources, config: {}, set: {} });
  expect(looking.params).toMatchObject({ match: 'title-artist' });
  expect(looking.tables.map((t) => t.name)).toEqual(['songplays', 'users', 'songs', 'artists', 'time']);
});

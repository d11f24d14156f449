import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import * as sparkify from 'sparkify';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Pipeline, resolvePipeline } from '../../src/pipeline/define.ts';
import { graphOf } from '../../src/pipeline/graph-of.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const page = readFileSync(join(root, 'docs/from-airflow.md'), 'utf8');
const samples = [...page.matchAll(/^```ts\n([\s\S]*?)^```$/gmu)].map((m) => m[1]!);

/** A folder of modules, one a sample; those that import nothing get what the page says they have. */
function written(texts: readonly string[]): string {
  const folder = mkdtempSync(join(tmpdir(), 'sparkify-page-'));
  for (const name of ['checks', 'sources', 'tables'])
    copyFileSync(join(root, `pipelines/sparkify/${name}.ts`), join(folder, `${name}.ts`));
  texts.forEach((text, i) => {
    const used = Object.keys(sparkify).filter((name) => new RegExp(`(?<![\\w.])${name}\\b`).test(text));
    const imports = text.includes("from 'sparkify'") ? '' : `import { ${used.join(', ')} } from 'sparkify';\n`;
    writeFileSync(join(folder, `sample-${i}.ts`), imports + text);
  });
  mkdirSync(join(folder, 'node_modules'));
  symlinkSync(join(root, 'node_modules', '@types'), join(folder, 'node_modules', '@types'));
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
  writeFileSync(
    join(folder, 'tsconfig.json'),
    JSON.stringify({
      extends: join(root, 'tsconfig.json'),
      compilerOptions: { noEmit: true, rootDir: '/', paths: { sparkify: [join(root, 'src/index.ts')] } },
      include: ['*.ts'],
    }),
  );
  return folder;
}

/** What the compiler says, by file. */
function complaints(folder: string): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  try {
    execFileSync(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', folder], { stdio: 'pipe' });
  } catch (error) {
    for (const line of String((error as { stdout: Buffer }).stdout).split('\n')) {
      const [, file, what] = /([\w-]+\.ts)\(\d+,\d+\): (.*)/.exec(line) ?? [];
      if (file !== undefined) found.set(file, `${found.get(file) ?? ''}${what}\n`);
    }
  }
  return found;
}

describe('docs/from-airflow.md', () => {
  let folder: string;
  beforeAll(() => {
    folder = written(samples);
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('has samples that compile, each of them, and would be caught having one that does not', () => {
    expect(samples.length).toBeGreaterThan(10);
    const broken = "import { call } from 'sparkify';\nexport const a = call('a', ({ nothing }) => nothing);\n";
    writeFileSync(join(folder, 'broken.ts'), broken);
    const found = complaints(folder);
    expect([...found.keys()]).toEqual(['broken.ts']);
    expect(found.get('broken.ts')).toContain("Property 'nothing' does not exist");
  });

  it('has samples that are pipelines, or tasks of which one can be made', async () => {
    let resolved = 0;
    for (let i = 0; i < samples.length; i++) {
      const module = (await import(pathToFileURL(join(folder, `sample-${i}.ts`)).href)) as Record<string, unknown>;
      for (const value of Object.values(module)) {
        if (typeof value === 'function') continue;
        const isPipeline = (value as Pipeline).kind === 'pipeline';
        const pipeline = isPipeline
          ? (value as Pipeline)
          : sparkify.definePipeline({
              name: 'sample',
              params: sparkify.z.object({}),
              pools: { api: 4 },
              define: () => ({ stagings: [], tables: [], tasks: value as sparkify.TaskSet }),
            });
        const params = isPipeline ? { logData: 'l', songData: 's', bucket: 'b' } : {};
        const known = Object.fromEntries(Object.entries(params).filter(([name]) => name in pipeline.params.shape));
        expect(resolvePipeline(pipeline, known).tasks.length).toBeGreaterThan(0);
        resolved++;
      }
    }
    expect(resolved).toBeGreaterThan(9);
  });

  it('shows the classic DAG as it was: its shape, hourly, the latest interval only, three retries five minutes apart', async () => {
    const classic = samples.findIndex((s) => s.includes("'sparkify_classic'"));
    const { default: pipeline } = (await import(pathToFileURL(join(folder, `sample-${classic}.ts`)).href)) as {
      default: Pipeline;
    };
    const graph = graphOf(resolvePipeline(pipeline, { logData: 'l', songData: 's' }));
    expect(graph.schedule).toMatchObject({ cron: '0 * * * *', missed: 'latest', startMs: Date.UTC(2018, 10, 1) });
    for (const task of graph.tasks) {
      expect(task.retries).toMatchObject({ max: 3, delayMs: 300_000, factor: 1, jitter: 0 });
      expect(task.dependsOnPast).toBe(false);
    }
    const after = Object.fromEntries(graph.tasks.map((t) => [t.name, [...t.after].sort().join(' ')]));
    const dimensions = ['load_artists', 'load_songs', 'load_time', 'load_users'];
    expect(after).toEqual({
      begin: '',
      stage_events: 'begin',
      stage_songs: 'begin',
      load_songplays: 'stage_events stage_songs',
      ...Object.fromEntries(dimensions.map((d) => [d, 'load_songplays'])),
      quality: dimensions.join(' '),
      publish: 'quality',
      end: 'publish',
    });
  });
});

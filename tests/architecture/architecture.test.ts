import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { importsOf } from './imports.ts';
import { layers, longestFileLines } from './layers.ts';
import { circleOfLayers, findViolations } from './violations.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const trees: string[] = [];
afterAll(() => {
  for (const tree of trees) rmSync(tree, { recursive: true, force: true });
});

/** A tree with these files, and what is wrong in it as `file:line rule`. */
function planted(files: Readonly<Record<string, string>>): readonly string[] {
  const tree = mkdtempSync(join(tmpdir(), 'sparkify-house-'));
  trees.push(tree);
  for (const [file, text] of Object.entries(files)) {
    mkdirSync(dirname(join(tree, file)), { recursive: true });
    writeFileSync(join(tree, file), text);
  }
  return findViolations(tree).map((v) => `${v.file}:${v.line} ${v.rule}`);
}

describe('the house', () => {
  it('keeps every rule in every file', () => {
    expect(findViolations(root).map((v) => `${v.file}:${v.line} ${v.rule}: ${v.detail}`)).toEqual([]);
  });

  it('orders its folders without a circle', () => {
    expect(circleOfLayers(layers)).toBeUndefined();
    expect(circleOfLayers({ a: ['b'], b: ['c'], c: ['a'] })).toEqual(['a', 'b', 'c', 'a']);
  });
});

describe('the rules find what breaks them', () => {
  it('an import that points upwards, of a value, a type or a re-export', () => {
    expect(
      planted({
        'src/core/a.ts': "import { run } from '../cli/run.ts';\n",
        'src/core/b.ts': "// first\n\nimport type {\n  Run,\n} from '../cli/run.ts';\n",
        'src/pipeline/c.ts': "export { run } from '../cli/run.ts';\n",
        'src/star/d.ts': "export async function d() {\n  return (await import('../cli/run.ts')).run();\n}\n",
        'src/cli/run.ts': 'export const run = () => {};\nexport type Run = typeof run;\n',
      }),
    ).toEqual(['src/core/a.ts:1 layer', 'src/core/b.ts:3 layer', 'src/pipeline/c.ts:1 layer', 'src/star/d.ts:2 layer']);
  });

  it('a file beside the single one that is allowed', () => {
    expect(
      planted({
        'src/ledger/a.ts': "import type { S } from '../ingest/staged.ts';\nimport { i } from '../ingest/ingest.ts';\n",
        'src/ingest/staged.ts': 'export type S = 1;\n',
        'src/ingest/ingest.ts': 'export const i = 1;\n',
      }),
    ).toEqual(['src/ledger/a.ts:2 layer']);
  });

  it('a driver outside its adapter, a package nobody listed, and a path in a pipeline', () => {
    expect(
      planted({
        'src/star/a.ts': "import pg from 'pg';\n",
        'src/warehouse/postgres/b.ts': "import pg from 'pg';\n",
        'src/core/c.ts': "import leftPad from 'left-pad/index.js';\n",
        'pipelines/mine/d.ts': "import { fact } from 'sparkify';\nimport { e } from '../../src/core/e.ts';\n",
        'src/core/e.ts': 'export const e = 1;\n',
      }),
    ).toEqual(['pipelines/mine/d.ts:2 layer', 'src/core/c.ts:1 package', 'src/star/a.ts:1 package']);
  });

  it('a circle of files, types included, and a module that is not there', () => {
    expect(
      planted({
        'src/core/a.ts': "import type { B } from './b.ts';\nexport type A = B;\n",
        'src/core/b.ts': "import type { A } from './a.ts';\nexport type B = A;\n",
        'src/core/c.ts': "import './gone.ts';\n",
      }),
    ).toEqual(['src/core/b.ts:1 cycle', 'src/core/c.ts:1 missing']);
  });

  it('a folder without a place', () => {
    expect(planted({ 'src/misc/a.ts': 'export const a = 1;\n' })).toEqual(['src/misc/a.ts:1 layer']);
  });

  it('the environment, an exit, the console, a branch on an engine and state of a module', () => {
    expect(
      planted({
        'src/core/a.ts': "const home = process.env['HOME'];\nif (home === undefined) process.exit(1);\n",
        'src/core/b.ts': "// console.log is for the command line\nexport const b = () => console.log('b');\n",
        'src/core/c.ts': 'export let count = 0;\n',
        'src/star/e.ts': "export const key = dialect.name === 'duckdb' ? 1 : 2;\n",
        'src/cli/d.ts': 'console.log(process.argv);\n',
      }),
    ).toEqual([
      'src/core/a.ts:1 process',
      'src/core/a.ts:2 process',
      'src/core/b.ts:2 process',
      'src/core/c.ts:1 state',
      'src/star/e.ts:1 engine',
    ]);
  });

  it('a file that is too long, unfinished, or at home on one machine', () => {
    expect(
      planted({
        'src/core/a.ts': 'export {};\n'.repeat(longestFileLines + 1),
        'tests/core/b.ts': `\n// ${'TO'}${'DO'}: finish this\n`,
        'scripts/c.mjs': `const data = '/${'home'}/me/data';\n`,
      }),
    ).toEqual([`scripts/c.mjs:1 place`, `src/core/a.ts:${longestFileLines + 1} length`, 'tests/core/b.ts:2 leftover']);
  });
});

it('imports are read as the language has them', () => {
  const text = [
    "import a from './a.ts';",
    "import type { B } from './b.ts';",
    "import c, { type D, e as f } from './c.ts';",
    "import * as g from './g.ts';",
    "import './h.ts';",
    "export * from './i.ts';",
    "export { type J } from './j.ts';",
    "// import k from './k.ts';",
    '/**',
    " * import l from './l.ts';",
    ' */',
    "export const m = 'from here'; // import('./m.ts')",
    "const n = import('./n.ts');",
    "export const url = 'https://example.org/import';",
    "type O = import('./o.ts').O;",
  ].join('\n');
  expect(importsOf(text).map((i) => `${i.line} ${i.specifier}`)).toEqual([
    '1 ./a.ts',
    '2 ./b.ts',
    '3 ./c.ts',
    '4 ./g.ts',
    '5 ./h.ts',
    '6 ./i.ts',
    '7 ./j.ts',
    '13 ./n.ts',
    '15 ./o.ts',
  ]);
});

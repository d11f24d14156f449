import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { ensureBuilt } from './built.ts';

const built = new URL('../../dist/src/cli/compiled-code.js', import.meta.url);
const home = mkdtempSync(join(tmpdir(), 'sparkify-compiled-'));
const sources = join(home, 'bundle');
const folder = join(home, 'compiled');

const GREETING = 'greeting-1a2B3c4_.js';
const TWICE = 'twice-1a2B3c4-.js';
const PLAIN = 'plain.js';
const PACKAGE = 'package.js';

beforeAll(ensureBuilt, 120_000);
afterAll(() => rmSync(home, { recursive: true, force: true }));

beforeEach(() => {
  rmSync(home, { recursive: true, force: true });
  mkdirSync(sources, { recursive: true });
  writeFileSync(join(home, 'package.json'), '{"type":"commonjs"}');
  says(GREETING, 'hello');
  says(PLAIN, 'lilac');
  const twice = `"use strict";\nconst greeting = require('./${GREETING}');\nmodule.exports = () => greeting() + greeting();`;
  writeFileSync(join(sources, TWICE), twice);
});

/** Words of five letters: neither size nor time tells them apart. Who hears an old one took the code that was kept. */
function says(name: string, word: string): void {
  writeFileSync(join(sources, name), `"use strict";\nmodule.exports = () => '${word}';`);
  utimesSync(join(sources, name), 1, 1);
}

interface RunOptions {
  /** What is done after the call. */
  readonly then?: string;
  readonly command?: string;
  readonly exitCode?: number;
  readonly flags?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** What a process says that loads one of the files and calls it. */
async function run(
  name: string,
  { then = '', command = 'greet', exitCode = 0, flags = [], env = {} }: RunOptions = {},
) {
  const script = `import { createRequire } from 'node:module';
import { keepCompiledCode } from ${JSON.stringify(built.href)};
keepCompiledCode({ packages: /package\\.js$/, ...${JSON.stringify({ sources, folder, command })} });
console.log(createRequire(import.meta.url)(${JSON.stringify(join(sources, name))})());
${then}
process.exit(${exitCode});`;
  const arguments_ = [...flags, '--input-type=module', '--eval', script];
  const { stdout, stderr } = await execa(process.execPath, arguments_, { env, reject: false });
  expect(stderr).toBe('');
  return stdout;
}

const files = (): readonly string[] => readdirSync(folder);
const onlyFile = (): string => {
  expect(files()).toHaveLength(1);
  return join(folder, files()[0]!);
};

test('what a run that collected its garbage kept fits the next one', async () => {
  const garbage = new URL('../../dist/src/core/garbage.js', import.meta.url).href;
  const then = `globalThis.heap = Array.from({ length: 3_000_000 }, (_, i) => ({ i }));
const { collectGarbage } = await import(${JSON.stringify(garbage)});
collectGarbage();
if (typeof gc !== 'undefined') console.log('left open');`;
  expect(await run(GREETING, { then })).toBe('hello');
  says(GREETING, 'adieu');
  expect(await run(GREETING)).toBe('hello');
});

test('the second run takes what the first compiled, and leaves it as it is', async () => {
  expect(await run(GREETING)).toBe('hello');
  const kept = readFileSync(onlyFile());
  says(GREETING, 'adieu');
  expect(await run(GREETING)).toBe('hello');
  expect(readFileSync(onlyFile())).toEqual(kept);
});

test('a file that was edited is compiled anew, also when it is as long as before', async () => {
  await run(GREETING);
  says(GREETING, 'adieu');
  utimesSync(join(sources, GREETING), 2, 2);
  expect(await run(GREETING)).toBe('adieu');
});

test('what is kept requires the others as before', async () => {
  expect(await run(TWICE)).toBe('hellohello');
  says(GREETING, 'adieu');
  expect(await run(TWICE)).toBe('hellohello');
});

test('each way through a command adds to what is kept', async () => {
  await run(GREETING);
  const first = statSync(onlyFile()).size;
  await run(TWICE);
  const both = statSync(onlyFile()).size;
  expect(both).toBeGreaterThan(first);
  await run(GREETING);
  expect(statSync(onlyFile()).size).toBe(both);
});

test('each command keeps its own', async () => {
  await run(GREETING);
  await run(GREETING, { command: 'part' });
  expect(files()).toHaveLength(2);
});

test('a file of a package is kept until it changes, which its times do not tell', async () => {
  says(PACKAGE, 'hello');
  expect(await run(PACKAGE)).toBe('hello');
  expect(files()).toHaveLength(1);
  says(PACKAGE, 'adieu');
  expect(await run(PACKAGE)).toBe('adieu');
});

test('only names that tell their contents are kept', async () => {
  expect(await run(PLAIN)).toBe('lilac');
  says(PLAIN, 'mauve');
  expect(await run(PLAIN)).toBe('mauve');
});

test.each([
  ['half of it', (kept: Buffer) => kept.subarray(0, kept.length / 2)],
  ['nothing', () => Buffer.alloc(0)],
  ['zeros', (kept: Buffer) => Buffer.alloc(kept.length)],
  ['one wrong bit', (kept: Buffer) => kept.fill(kept[kept.length - 9]! ^ 1, kept.length - 9, kept.length - 8)],
  ['something else', () => Buffer.from('[]\n')],
])('of a file with %s nothing is believed, and it is replaced', async (_, damage) => {
  await run(GREETING);
  const file = onlyFile();
  const kept = readFileSync(file);
  const damaged = damage(Buffer.from(kept));
  writeFileSync(file, damaged);
  expect(await run(GREETING)).toBe('hello');
  expect(readFileSync(onlyFile())).not.toEqual(damaged);
  says(GREETING, 'adieu');
  expect(await run(GREETING)).toBe('hello');
});

test('a V8 with other flags compiles for itself', async () => {
  await run(GREETING);
  says(GREETING, 'adieu');
  expect(await run(GREETING, { flags: ['--no-opt'] })).toBe('adieu');
});

test('a folder that cannot be made is no matter', async () => {
  writeFileSync(folder, 'in the way');
  expect(await run(GREETING)).toBe('hello');
  expect(readFileSync(folder, 'utf8')).toBe('in the way');
});

test('a command that fails keeps nothing', async () => {
  await run(GREETING, { exitCode: 2 });
  expect(readdirSync(home)).not.toContain('compiled');
});

test('it can be turned off', async () => {
  await run(GREETING, { env: { NODE_DISABLE_COMPILE_CACHE: '1' } });
  expect(readdirSync(home)).not.toContain('compiled');
});

test('an error names the line and the column of the file', async () => {
  writeFileSync(join(sources, GREETING), "module.exports = () => /\\d+:\\d+/.exec(new Error('there').stack)[0];");
  expect(await run(GREETING)).toBe('1:39');
  expect(await run(GREETING)).toBe('1:39');
});

test('the built command keeps what it compiled beside its bundle', async () => {
  const bin = fileURLToPath(new URL('../../dist/bundle/bin.js', import.meta.url));
  const first = await execa(process.execPath, [bin, '--version']);
  expect(readdirSync(join(bin, '..', '..', 'compiled'))).not.toEqual([]);
  expect((await execa(process.execPath, [bin, '--version'])).stdout).toBe(first.stdout);
});

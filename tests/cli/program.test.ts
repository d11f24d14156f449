import { mkdtemp, readdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { masked, reportError } from '../../src/cli/error-report.ts';
import { buildProgram, commandGroups, runCli } from '../../src/cli/program.ts';
import { readOnlyStatement, splitStatements } from '../../src/cli/read-only-sql.ts';
import { SparkifyError } from '../../src/core/errors.ts';
import { nearest } from '../../src/core/nearest.ts';
import { fakeContext } from './fake-context.ts';

async function cli(args: readonly string[], overrides = {}) {
  const cwd = await mkdtemp(join(tmpdir(), 'sparkify-cli-'));
  const context = fakeContext({ cwd, ...overrides });
  return { code: await runCli(args, context), out: context.output(), err: context.errors(), cwd };
}

test('help goes to stdout with every command and exit code 0', async () => {
  const { code, out, err } = await cli(['--help']);
  expect(code).toBe(0);
  expect(err).toBe('');
  const commands = ['demo', 'init', 'run', 'tables', 'query', 'analyze', 'export', 'check', 'ledger', 'trace'];
  const overTime = [
    'up',
    'worker',
    'resume',
    'status',
    'plan',
    'backfill',
    'runs',
    'tasks',
    'logs',
    'events',
    'pause',
    'token',
  ];
  for (const name of [...commands, ...overTime, 'quarantine', 'simulate', 'doctor'])
    expect(out).toMatch(new RegExp(`^  ${name} `, 'm'));
});

test('each command is registered under its name, alone as among all the others', () => {
  const registration = { context: fakeContext({ cwd: '.' }), finish: () => undefined };
  const all = new Map(buildProgram(registration).commands.map((c) => [c.name(), c.helpInformation()]));
  expect(commandGroups.flatMap(([names]) => names)).toEqual([...all.keys()]);
  for (const [names] of commandGroups)
    for (const name of names) {
      const { commands } = buildProgram(registration, name);
      expect(commands.map((c) => c.name())).toEqual(names);
      expect(commands.find((c) => c.name() === name)!.helpInformation()).toBe(all.get(name));
    }
});

test('the help of each command has examples', async () => {
  for (const args of [
    ['run'],
    ['plan'],
    ['backfill', 'cancel'],
    ['logs'],
    ['query'],
    ['tables', 'drop'],
    ['quarantine', 'correct'],
  ]) {
    const { out } = await cli([...args, '--help']);
    expect(out).toContain('Examples:\n  sparkify ');
  }
});

test.each([
  [['rnu'], 'Did you mean run?'],
  [['run', 'sparkify', '--intervall', 'x'], 'Did you mean --interval?'],
  [['run', 'sparkfy'], 'Did you mean sparkify?'],
  [['analyze', 'top-song'], 'Did you mean top-songs?'],
  [['tables', 'show', 'songplay'], 'Did you mean songplays?'],
  [['query', 'select 1', '--format', 'jsn'], 'Did you mean json?'],
  [['run', 'sparkify', '--set', 'logDta=x'], 'did you mean logData?'],
])('a typo in %j gets a suggestion and exit code 2', async (args, suggestion) => {
  const { code, out, err } = await cli(args);
  expect(err).toContain(suggestion);
  expect(code).toBe(2);
  expect(out).toBe('');
});

test('a missing warehouse is a project error with its fix', async () => {
  const { code, err } = await cli(['query', 'select 1']);
  expect(code).toBe(3);
  expect(err).toContain('There is no warehouse');
  expect(err).toContain('fix:');
});

test('with --json an error is one JSON object on stderr', async () => {
  const { code, out, err } = await cli(['query', 'select 1', '--json', '--warehouse', 'mysql:x']);
  expect(code).toBe(2);
  expect(out).toBe('');
  expect(JSON.parse(err)).toMatchObject({ code: 'WAREHOUSE_URL_INVALID', retryable: false, causes: [] });
});

test.each([
  [['query', '--bogus', '--json'], { message: "unknown option '--bogus'", fix: '--help shows the options.' }],
  [['run', 'sparkify', '--intervall', 'x', '--json'], { fix: 'Did you mean --interval? --help shows the options.' }],
  [['quarantine', 'show', 'abc', '--json'], { message: 'id: "abc" is not valid: write a whole number from 1 on' }],
])('so is what is wrong with the command line %j', async (args, expected) => {
  const { code, out, err } = await cli(args);
  expect(code).toBe(2);
  expect(out).toBe('');
  expect(JSON.parse(err)).toMatchObject({ code: 'USAGE', causes: [], ...expected });
});

test('a value that an option or an argument cannot have is named with what it may be', async () => {
  const option = await cli(['simulate', '--out', 'd', '--users', '-3']);
  expect(option.err).toMatch(/^error: option '--users <n>': "-3" is not valid: write a whole number from 1 on\n/);
  const argument = await cli(['quarantine', 'show', 'abc']);
  expect(argument.err).toMatch(/^error: id: "abc" is not valid: write a whole number from 1 on\n/);
});

test('a simulation is not mixed into another', async () => {
  const knobs = ['simulate', '--out', 'data', '--users', '2', '--songs', '3', '--to', '2018-11-02'];
  const { code, cwd } = await cli(knobs);
  expect(code).toBe(0);
  const songs = await readdir(join(cwd, 'data', 'song_data'), { recursive: true });
  const again = await cli([...knobs, '--seed', '9'], { cwd });
  expect(again.code).toBe(2);
  expect(again.err).toContain('data holds truth.json, log_data, song_data already');
  expect(await readdir(join(cwd, 'data', 'song_data'), { recursive: true })).toEqual(songs);
});

test.each([
  ['init', 'file/shop'],
  ['tables', 'erd', '--out', 'file/star.svg'],
])('what the file system refuses is an error with its fix: %s', async (...args) => {
  const cwd = await mkdtemp(join(tmpdir(), 'sparkify-cli-'));
  await writeFile(join(cwd, 'file'), 'x');
  const { code, err } = await cli(args, { cwd });
  expect(code).toBe(2);
  expect(err).toMatch(/^error: .*ENOTDIR/);
  expect(err).toContain('fix:');
  expect(err).not.toMatch(/INTERNAL|\n +at /);
});

test('a diagram that cannot be written is said as such', async () => {
  const { code, err } = await cli(['tables', 'erd', '--out', 'no/such/star.svg']);
  expect(code).toBe(2);
  expect(err).toMatch(/^error: no\/such\/star.svg cannot be written: ENOENT/);
  expect(err).not.toContain('INTERNAL');
});

test('doctor looks at everything else when the warehouse is none', async () => {
  const { code, out } = await cli(['doctor', '--warehouse', 'mysql://me:secret@h/db']);
  expect(code).toBe(1);
  expect(out).toContain('✗ warehouse  "mysql://me:***@h/db" names no warehouse');
  expect(out).toContain('disk  ');
});

test('a missing parameter names it and how to pass it', async () => {
  const { code, err } = await cli(['run', 'sparkify']);
  expect(code).toBe(2);
  expect(err).toContain('logData: name the folder');
  expect(err).toContain('--set name=value');
  expect(err).not.toContain('cause:');
});

test('a parameter that does not exist is refused', async () => {
  const { code, err } = await cli(['run', 'sparkify', '--set', 'logDta=x']);
  expect(code).toBe(2);
  expect(err).toContain('there is no parameter "logDta"');
});

test('query takes one reading statement', async () => {
  for (const sql of [
    'drop table users',
    'select 1; drop table users',
    "copy t to 'x'",
    '',
    'explain analyze delete from t',
  ])
    expect((await cli(['query', sql])).code).toBe(2);
  expect(readOnlyStatement('-- who\nselect 1;\n')).toBe('-- who\nselect 1');
  expect(readOnlyStatement("(select ';')")).toBe("(select ';')");
  expect(readOnlyStatement('explain analyze select 1')).toBe('explain analyze select 1');
  expect(splitStatements(`select ';' as "a;b", $$;$$ /* ; */ -- ;\n; select 2`)).toHaveLength(2);
});

test('SQL comes from stdin for "-"', async () => {
  const { err } = await cli(['query', '-'], { readInput: async () => 'delete from users' });
  expect(err).toContain('"delete" begins no reading statement');
});

test('nobody is asked without a terminal', async () => {
  const { code, err } = await cli(['init', '.', 'too', 'many']);
  expect(code).toBe(2);
  expect(err).toContain('too many arguments');
});

test('colours are used where the context has them, and only there', async () => {
  const { default: pc } = await import('picocolors');
  const plain = await cli(['query', '']);
  const coloured = await cli(['query', ''], { errColors: pc.createColors(true) });
  expect(plain.err).not.toContain('\u001b');
  expect(coloured.err).toContain('\u001b[31m');
});

test('passwords are masked in messages and causes', async () => {
  const context = fakeContext();
  const cause = new Error('connect postgresql://me:s3cret@db/x failed, password=hunter2');
  const error = new SparkifyError(
    'WAREHOUSE_OPEN_FAILED',
    { target: 'postgresql://me:s3cret@db/x', detail: 'no' },
    { cause },
  );
  expect(await reportError(context, error, { json: false })).toBe(4);
  expect(context.errors()).not.toMatch(/s3cret|hunter2/);
  expect(context.errors()).toContain('cause:');
  expect(masked('s3://bucket/key and a:b@c')).toBe('s3://bucket/key and a:b@c');
});

test('an interrupt ends with 130', async () => {
  const controller = new AbortController();
  controller.abort(new Error('interrupted'));
  const context = fakeContext({ signal: controller.signal });
  expect(await reportError(context, new Error('aborted'), { json: false })).toBe(130);
  expect(context.errors()).toContain('interrupted');
});

test('something unforeseen keeps its stack and exit code 1', async () => {
  const context = fakeContext();
  expect(await reportError(context, new TypeError('x is not a function'), { json: false })).toBe(1);
  expect(context.errors()).toContain('TypeError: x is not a function');
});

test('near names are found, far ones are not', () => {
  expect(nearest('songpalys', ['users', 'songplays'])).toBe('songplays');
  expect(nearest('xyz', ['users', 'songplays'])).toBeUndefined();
});

test('a configuration that does not load says which file and why', async () => {
  const cwd = await mkdtemp(join(tmpdir(), 'sparkify-cli-'));
  await writeFile(join(cwd, 'sparkify.config.ts'), 'export default { warehouse: ;');
  const { code, err } = await cli(['tables', 'show'], { cwd });
  expect(code).toBe(3);
  expect(err).toContain(join(cwd, 'sparkify.config.ts'));
  expect(err).toContain('[CONFIG_LOAD_FAILED]');
});

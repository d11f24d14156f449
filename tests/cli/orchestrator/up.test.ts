import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, expect, test } from 'vitest';
import { runCli } from '../../../src/cli/program.ts';
import { createTestDatabase } from '../../postgres-server/database.ts';
import { fakeContext } from '../fake-context.ts';
import { steps, type TestProject, testProject } from './project.ts';

interface Running {
  readonly interrupt: (times: number) => void;
  readonly ended: Promise<number>;
  readonly errors: () => string;
}

let running: Running | undefined;
afterEach(async () => {
  running?.interrupt(2);
  await running?.ended;
  running = undefined;
});

/** `sparkify up` in this process; any port, so that tests do not meet. */
async function startUp(project: TestProject, ...args: readonly string[]): Promise<Running> {
  let interrupt: (times: number) => void = () => {};
  const context = fakeContext({
    cwd: project.directory,
    onInterrupt: (handler) => {
      interrupt = handler;
      return () => {};
    },
  });
  const ended = runCli(['up', '--port', '0', ...args], context);
  running = { interrupt: (times) => interrupt(times), ended, errors: context.errors };
  const file = join(project.directory, '.sparkify', 'up.json');
  while (!existsSync(file)) await Promise.race([pause(5), ended.then(() => expect.fail(context.errors()))]);
  return running;
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await pause(20);
}

test('up answers, carries out what is asked for, refuses a second one, and ends when it is told to', async () => {
  const project = testProject(steps);
  const up = await startUp(project);
  expect(up.errors()).toMatch(/sparkify is up at http:\/\/127\.0\.0\.1:\d+: nothing is scheduled/);
  const file = join(project.directory, '.sparkify', 'up.json');
  expect(statSync(file).mode & 0o077).toBe(0);

  const run = await project.cli('run', 'steps');
  expect(run.code).toBe(0);
  expect(run.err).toContain('run 1, carried out by sparkify up');
  expect(run.err).toContain('two: done in');
  expect(run.out).toMatch(/^✓ Run 1 of steps \(all time\) succeeded/);
  const failed = await project.cli('run', 'steps', '--set', 'mode=fail');
  expect(failed.code).toBe(1);
  expect(failed.err).toContain('[RUN_FAILED]');
  expect(failed.err).toContain('broken on purpose');

  const asked = await project.json<{ id: number }>('run', 'steps', '--no-wait');
  await until(
    async () => (await project.json<{ state: string }>('runs', 'show', String(asked.id))).state === 'succeeded',
  );
  expect((await project.cli('logs', String(asked.id), '--follow')).out).toContain('hello');
  expect((await project.cli('resume', '2')).err).toContain('run 2, carried out by sparkify up');
  expect((await project.cli('runs', 'list')).out).toContain('✗ failed');
  expect((await project.cli('status')).out).toContain('Nothing is scheduled.');

  const second = await project.cli('up', '--port', '0');
  expect(second.code).toBe(4);
  expect(second.err).toContain(`process ${process.pid}`);

  up.interrupt(1);
  expect(await up.ended).toBe(0);
  expect(up.errors()).toContain('stopping: what runs may end');
  expect(existsSync(file)).toBe(false);
  // What it did is there without it.
  expect(await project.json<unknown[]>('runs', 'list')).toHaveLength(3);
});

test('a run under way is given back when up is stopped at once, and the next up carries it on', async () => {
  const project = testProject(steps);
  const up = await startUp(project);
  const { id } = await project.json<{ id: number }>('run', 'steps', '--no-wait', '--set', 'mode=wait');
  const shown = () => project.json<{ state: string; tasks: { state: string }[] }>('runs', 'show', String(id));
  await until(async () => (await shown()).tasks[1]!.state === 'running');
  up.interrupt(1);
  up.interrupt(2);
  expect(await up.ended).toBe(0);
  expect(await shown()).toMatchObject({ state: 'running', tasks: [{ state: 'succeeded' }, { state: 'ready' }] });
  await startUp(project);
  await until(async () => (await shown()).tasks[1]!.state === 'running');
  expect((await project.cli('runs', 'cancel', String(id))).code).toBe(0);
  await until(async () => (await shown()).state === 'cancelled');
});

test('a file that does not load keeps no other pipeline back, and is taken up when it is mended', async () => {
  const project = testProject("export default { pipelines: ['./good.mjs', './bad.mjs'] };");
  const definition = (name: string) => `
    import { call, chain, definePipeline, z } from 'sparkify';
    export default definePipeline({ name: '${name}', params: z.object({}),
      define: () => ({ stagings: [], tables: [], tasks: chain(call('one', () => {})) }) });`;
  writeFileSync(join(project.directory, 'good.mjs'), definition('good'));
  writeFileSync(join(project.directory, 'bad.mjs'), 'export default 1 +;');
  const up = await startUp(project);
  await until(async () => up.errors().includes('bad is left out: '));
  expect((await project.cli('run', 'good')).code).toBe(0);
  expect((await project.cli('run', 'bad')).code).toBe(3);
  expect((await project.cli('status')).out).toMatch(/failing\n {2}bad /);
  writeFileSync(join(project.directory, 'bad.mjs'), definition('bad'));
  await until(async () => up.errors().includes('were taken up'));
  expect((await project.cli('run', 'bad')).code).toBe(0);
  expect(readFileSync(join(project.directory, 'bad.mjs'), 'utf8')).toContain("name: 'bad'");
});

test('a failed run calls the webhook, and the next success does', async () => {
  const bodies: { type: string; text: string }[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      bodies.push(JSON.parse(body));
      response.end();
    });
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const { port } = server.address() as AddressInfo;
  const alerts = `alerts: [{ webhook: 'http://127.0.0.1:${port}/hook' }]`;
  const project = testProject(steps.replace('export default {', `export default { ${alerts},`));
  await startUp(project);
  await project.cli('run', 'steps', '--set', 'mode=fail');
  await project.cli('run', 'steps');
  await until(async () => bodies.length === 2);
  server.close();
  expect(bodies.map((b) => b.type)).toEqual(['run.failed', 'pipeline.recovered']);
  expect(bodies[0]!.text).toContain('broken on purpose');
});

test('on PostgreSQL a worker takes the tasks of its queues, and a second up joins', async () => {
  const { url, drop } = await createTestDatabase();
  const definition = `
    import { call, chain, definePipeline, z } from 'sparkify';
    const mixed = definePipeline({ name: 'mixed', params: z.object({}), define: () => ({ stagings: [], tables: [],
      tasks: chain(call('light', () => {}), call('heavy', () => {}, { queue: 'heavy' })) }) });`;
  const project = testProject(`${definition} export default { pipelines: [mixed], store: '${url}' };`);
  const up = await startUp(project);
  let stopWorker: (times: number) => void = () => {};
  const context = fakeContext({
    cwd: project.directory,
    onInterrupt: (handler) => {
      stopWorker = handler;
      return () => {};
    },
  });
  const working = runCli(['worker', '--queues', 'heavy'], context);
  const { out, err } = await project.cli('run', 'mixed');
  expect(err).toContain('heavy: done');
  expect(out).toContain('succeeded');
  const started = await project.json<{ task: string; worker: string }[]>('events', '--type', 'task.started');
  expect(new Set(started.map((e) => e.worker)).size).toBe(2);
  const second = fakeContext({
    cwd: project.directory,
    // As soon as it can be told to.
    onInterrupt: (handler) => {
      setImmediate(() => handler(1));
      return () => {};
    },
  });
  expect(await runCli(['up', '--port', '0'], second)).toBe(0);
  expect(second.errors()).toContain('sparkify is up');
  stopWorker(1);
  expect(await working).toBe(0);
  expect(context.errors()).not.toContain(new URL(url).password);
  up.interrupt(1);
  await up.ended;
  await drop();
});

test('a worker wants a store that several machines share', async () => {
  const { code, err } = await testProject(steps).cli('worker');
  expect(code).toBe(2);
  expect(err).toContain('Let `store` in sparkify.config.ts name a PostgreSQL database');
});

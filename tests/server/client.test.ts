import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { systemTimers } from '../../src/core/timers.ts';
import { openAttemptLogs } from '../../src/orchestrator/logs/attempt-logs.ts';
import type { Api } from '../../src/server/api.ts';
import { remoteApi } from '../../src/server/client/client.ts';
import { findServer } from '../../src/server/client/find-server.ts';
import { readUpFile, removeUpFile, upFilePath, writeUpFile } from '../../src/server/client/up-file.ts';
import { localApi } from '../../src/server/local.ts';
import { graphFrom } from '../orchestrator/graphs.ts';
import { storeOpener } from '../orchestrator/stores.ts';
import { listenTo } from './listening.ts';
import { openWorld, type World } from './world.ts';

const folders: string[] = [];
const servers: { close(): unknown }[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
  for (const server of servers.splice(0)) server.close();
});

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'sparkify-up-'));
  folders.push(path);
  return path;
}

const graph = graphFrom('a, b after a', { pipeline: 'p' });
const admin = { name: 'test', scopes: ['admin'] } as const;

describe.each(['remote', 'local'] as const)('the API called %s', (kind) => {
  const open = storeOpener('sqlite');

  async function apiOf(world: World): Promise<Api> {
    if (kind === 'local') return localApi(world.parts, admin);
    const { url } = await listenTo(world);
    return remoteApi({ url, timers: systemTimers });
  }

  it('gives answers, takes parameters of every kind, and throws the errors of the server', async () => {
    const world = await openWorld(open);
    const run = await world.run(graph);
    const api = await apiOf(world);
    expect(await api.call('getRun', { params: { run } })).toMatchObject({ id: run, state: 'running' });
    const listed = await api.call('listRuns', {
      query: { state: ['running', 'failed'], limit: 1, late: false, from: undefined },
    });
    expect(listed.items.map((r) => r.id)).toEqual([run]);
    await expect(api.call('getRun', { params: { run: 99 } })).rejects.toMatchObject({
      code: 'RUN_UNKNOWN',
      message: 'There is no run 99.',
      remedy: expect.stringContaining('sparkify runs list'),
      exitCode: 2,
    });
    await expect(api.call('getPipeline', { params: { pipeline: '../runs' } })).rejects.toMatchObject({
      code: 'PIPELINE_UNKNOWN',
    });
    await expect(api.call('cancelRun', { params: { run }, body: { dryrun: true } as never })).rejects.toMatchObject({
      code: 'REQUEST_INVALID',
      message: expect.stringContaining('body: dryrun is not known here'),
    });
    await expect(api.call('listRuns', { query: { from: 'yesterday' } })).rejects.toMatchObject({
      code: 'REQUEST_INVALID',
    });
  });

  it('changes once what is asked for twice with one key', async () => {
    const world = await openWorld(open);
    const run = await world.run(graph);
    const api = await apiOf(world);
    const cancel = () => api.call('cancelRun', { params: { run } }, { idempotencyKey: 'k' });
    expect(await cancel()).toEqual(await cancel());
  });

  it('follows events and logs to their end', async () => {
    const world = await openWorld(open);
    const run = await world.run(graph);
    const api = await apiOf(world);
    const log = openAttemptLogs({ directory: world.parts.logsDirectory, clock: world.time }).open({
      run,
      task: 'a',
      mapIndex: -1,
      attempt: 1,
    });
    log.info('one');
    log.error('two', { rows: 2 });
    await log.close();
    await world.work();
    await world.work();
    const text: string[] = [];
    for await (const piece of api.text('downloadLogs', { params: { run } })) text.push(piece);
    expect(text.join('')).toMatch(/^--- a, attempt 1 ---\n\S+ INFO {2}one\n\S+ ERROR two \{"rows":2\}\n$/);
    const lines: unknown[] = [];
    const { signal } = new AbortController();
    for await (const item of api.stream('followLogs', { params: { run }, query: { level: 'error' } }, { signal }))
      lines.push(item);
    expect(lines).toMatchObject([
      { kind: 'attempt', task: 'a' },
      { kind: 'line', msg: 'two', line: 2 },
    ]);
    const first = await api.call('getFirstError', { params: { run } });
    expect(first.line).toMatchObject({ task: 'a', attempt: 1, line: 2, msg: 'two' });
    const none = await api.call('getFirstError', { params: { run }, query: { task: 'b' } });
    expect(none.line).toBeNull();
    const page = await api.call('readLogs', { params: { run }, query: { limit: 1 } });
    expect(page.items).toMatchObject([{ kind: 'attempt' }, { kind: 'line', msg: 'one' }]);
    const next = await api.call('readLogs', { params: { run }, query: { limit: 1, cursor: page.nextCursor! } });
    expect(next).toMatchObject({ items: [{ kind: 'line', msg: 'two' }], nextCursor: null });
    const ending = new AbortController();
    const types: string[] = [];
    for await (const event of api.stream('followEvents', { query: { after: 0, run } }, { signal: ending.signal })) {
      types.push(event.type);
      if (event.type === 'run.succeeded') ending.abort();
    }
    expect(types.at(0)).toBe('run.created');
    expect(types.at(-1)).toBe('run.succeeded');
  });
});

describe('the client', () => {
  const open = storeOpener('sqlite');

  it('takes a stream up where it broke, and gives nothing twice', async () => {
    const world = await openWorld(open);
    await world.run(graph);
    const first = await listenTo(world);
    const ending = new AbortController();
    const seen: number[] = [];
    const api = remoteApi({ url: first.url, timers: { later: (_, work) => systemTimers.later(1, work) } });
    for await (const event of api.stream('followEvents', { query: { after: 0 } }, { signal: ending.signal })) {
      seen.push(event.seq);
      if (seen.length === 2) {
        await first.close({ graceMs: 0 });
        await world.work();
        await listenTo(world, { port: first.port });
      }
      if (seen.length === 4) ending.abort();
    }
    expect(seen).toEqual([1, 2, 3, 4]);
  });

  it('says that nobody answers, or somebody else', async () => {
    const elsewhere = createHttpServer((_, answer) => answer.end('<h1>hello</h1>'));
    servers.push(elsewhere);
    await new Promise<void>((resolve) => elsewhere.listen(0, '127.0.0.1', resolve));
    const { port } = elsewhere.address() as AddressInfo;
    const ask = (url: string) => remoteApi({ url, timers: systemTimers, timeoutMs: 2000 }).call('getHealth');
    await expect(ask(`http://127.0.0.1:${port}`)).rejects.toMatchObject({ code: 'SERVER_ANSWER' });
    elsewhere.close();
    elsewhere.closeAllConnections();
    await expect(ask(`http://127.0.0.1:${port}`)).rejects.toMatchObject({ code: 'SERVER_UNREACHABLE', exitCode: 4 });
  });
});

describe('.sparkify/up.json', () => {
  const open = storeOpener('sqlite');
  const token = 'a-local-token';

  it('leads to the running server, with a token that opens everything', async () => {
    const world = await openWorld(open);
    const directory = folder();
    const { url } = await listenTo(world, { localToken: token });
    await writeUpFile(directory, { pid: process.pid, url, startedAtMs: 1, token, store: 'sqlite:x' });
    expect(statSync(upFilePath(directory)).mode & 0o777).toBe(0o600);
    const found = await findServer(directory, systemTimers);
    expect(found).toMatchObject({ url, pid: process.pid });
    expect((await found!.api.call('listTokens')).items).toEqual([]);
  });

  it('leads nowhere when it is stale: process gone, another program or another start at the address', async () => {
    const world = await openWorld(open);
    const directory = folder();
    const { url } = await listenTo(world, { localToken: token });
    const gone = spawnSync(process.execPath, ['-e', '']).pid;
    const stale = async (change: object): Promise<unknown> => {
      await writeUpFile(directory, { pid: process.pid, url, startedAtMs: 1, token, store: 'sqlite:x', ...change });
      return findServer(directory, systemTimers);
    };
    expect(await findServer(directory, systemTimers)).toBeUndefined();
    expect(await stale({ pid: gone })).toBeUndefined();
    expect(await stale({ token: 'of another start' })).toBeUndefined();
    expect(await stale({ url: 'http://127.0.0.1:1' })).toBeUndefined();
    let heard = '';
    const thief = createHttpServer((request, answer) => {
      heard += JSON.stringify(request.headers);
      answer.end('{}');
    });
    servers.push(thief);
    await new Promise<void>((resolve) => thief.listen(0, '127.0.0.1', resolve));
    expect(await stale({ url: `http://127.0.0.1:${(thief.address() as AddressInfo).port}` })).toBeUndefined();
    expect(heard).not.toContain(token);
    thief.closeAllConnections();
  });

  it('is not believed when others could have written it, or when it is no such file', async () => {
    const directory = folder();
    await writeUpFile(directory, {
      pid: process.pid,
      url: 'http://127.0.0.1:1',
      startedAtMs: 1,
      token,
      store: 'sqlite:x',
    });
    chmodSync(upFilePath(directory), 0o644);
    expect(await readUpFile(directory)).toBeUndefined();
    chmodSync(upFilePath(directory), 0o600);
    expect(await readUpFile(directory)).toMatchObject({ token, store: 'sqlite:x' });
    writeFileSync(upFilePath(directory), '{"pid": "1"}');
    expect(await readUpFile(directory)).toBeUndefined();
    writeFileSync(upFilePath(directory), 'half');
    expect(await readUpFile(directory)).toBeUndefined();
  });

  it('is taken away by whom it stands for, and by nobody else', async () => {
    const directory = folder();
    await writeUpFile(directory, { pid: 1, url: 'u', startedAtMs: 1, token: 'new', store: 'sqlite:x' });
    await removeUpFile(directory, { token: 'old' });
    expect(JSON.parse(readFileSync(upFilePath(directory), 'utf8'))).toMatchObject({ token: 'new' });
    await removeUpFile(directory, { token: 'new' });
    expect(await readUpFile(directory)).toBeUndefined();
  });
});

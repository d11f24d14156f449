import { describe, expect, it } from 'vitest';
import { createToken } from '../../src/server/tokens/tokens.ts';
import { storeOpener } from '../orchestrator/stores.ts';
import { listenTo, RawClient } from './listening.ts';
import { openWorld } from './world.ts';

const statusOf = (text: string): string => text.split('\r\n')[0] ?? '';

describe('on the wire', () => {
  const open = storeOpener('sqlite');

  it('paths that play tricks reach nothing they should not', async () => {
    const world = await openWorld(open, { loginRequired: true });
    await createToken(world.store, { name: 'a', scopes: ['admin'] }, world.parts.random);
    const { port } = await listenTo(world, { hosts: ['data.example'] });
    const ask = async (target: string, host = 'localhost'): Promise<string> => {
      const client = new RawClient(port).send(`GET ${target} HTTP/1.1\r\nhost: ${host}\r\nconnection: close\r\n\r\n`);
      return statusOf(await client.closed());
    };
    for (const target of [
      '/api/v1/runs',
      '//api/v1/runs',
      '/api/v1/../v1/runs',
      '/api/v1/./runs',
      '/api/v1/%72uns',
      '/api/v1/health/../runs',
      '/api/v1/health/..%2fruns',
      '/api/v1/health%2f..%2fruns',
      '/api/v1/health/%2e%2e/runs',
      '/api/v1/health;/runs',
      '/api/v1/runs?x=/api/v1/health',
      '/api/v1/runs#/api/v1/health',
      '/API/V1/RUNS',
      '/api/v1/runs/',
      '/api/v1/health%00/runs',
      '/api/v1/%zz',
      '/',
      '/.sparkify/up.json',
      '/../../../etc/passwd',
      '/api/v1/%2e%2e/%2e%2e/etc/passwd',
      'http://localhost/api/v1/runs',
    ])
      expect(await ask(target), target).toMatch(/ (?:401 Unauthorized|404 Not Found|400 Bad Request)$/);
    for (const target of ['/api/v1/health\\..\\runs', 'evil', '*', ''])
      expect(await ask(target), target).toMatch(/ (?:400 Bad Request|401 Unauthorized|404 Not Found)$/);
    // Absolute targets say a host of their own.
    expect(await ask('http://evil.example/api/v1/health')).toContain('403');
    expect(await ask('http://localhost/api/v1/health', 'evil.example')).toContain('403');
    expect(await ask('/api/v1/health')).toContain('200');
  });

  it('a body that is too large is not read to its end', async () => {
    const world = await openWorld(open);
    const { port } = await listenTo(world, { bodyLimitBytes: 1000 });
    const head = 'POST /api/v1/runs HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n';
    const declared = new RawClient(port).send(`${head}content-length: 1000000000\r\n\r\n{`);
    expect(statusOf(await declared.closed())).toContain('413');
    const chunked = new RawClient(port).send(`${head}transfer-encoding: chunked\r\n\r\n`);
    for (let i = 0; i < 3; i++) chunked.send(`190\r\n${'x'.repeat(400)}\r\n`);
    const answer = await chunked.closed();
    expect(statusOf(answer)).toContain('413');
    expect(answer).toContain('"BODY_TOO_LARGE"');
    const fits = new RawClient(port).send(`${head}content-length: 14\r\nconnection: close\r\n\r\n{"pipeline":1}`);
    expect(statusOf(await fits.closed())).toContain('400');
  });

  it('who sends too slowly is cut off, headers and body alike', async () => {
    const world = await openWorld(open);
    const { port } = await listenTo(world, { receiveMs: { headers: 40, request: 80 } });
    const headers = new RawClient(port).send('GET /api/v1/health HTTP/1.1\r\nhost: localhost\r\nx-slow: ');
    const body = new RawClient(port).send(
      'POST /api/v1/runs HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{',
    );
    expect(statusOf(await headers.closed())).toMatch(/408|^$/);
    expect(statusOf(await body.closed())).toMatch(/408|^$/);
  });

  it('what takes longer than allowed is answered as such, on the clock of the server', async () => {
    const world = await openWorld(open, { requestTimeoutMs: 5000 });
    const hanging = { ...world.parts, store: { ...world.store, write: () => new Promise<never>(() => {}) } };
    const { createServer } = await import('../../src/server/server.ts');
    const server = createServer(hanging, { report: () => {}, requestTimeoutMs: 5000 });
    const asked = server.app.request(
      'http://localhost/api/v1/pipelines/p/pause',
      { method: 'POST' },
      { incoming: { socket: {} } },
    );
    while (world.time.nextMs() === undefined) await new Promise((resolve) => setImmediate(resolve));
    world.time.advance(5000);
    const response = await asked;
    expect([response.status, await response.json()]).toMatchObject([503, { code: 'REQUEST_TIMEOUT', retryable: true }]);
  });

  it('a port that is taken, and an address that is none of this machine, are said with their fix', async () => {
    const world = await openWorld(open);
    const { port } = await listenTo(world);
    await expect(listenTo(world, { port })).rejects.toMatchObject({
      code: 'PORT_TAKEN',
      remedy: expect.stringContaining(`--port ${port + 1}`),
    });
    await createToken(world.store, { name: 'a', scopes: ['admin'] }, world.parts.random);
    await expect(listenTo(world, { host: '192.0.2.1' })).rejects.toMatchObject({ code: 'LISTEN_FAILED' });
  });

  it('beyond this machine it does not begin without a token, and then asks everybody for one', async () => {
    const world = await openWorld(open);
    for (const options of [{ host: '0.0.0.0' }, { host: '::' }, { hosts: ['data.example'] }])
      await expect(listenTo(world, options)).rejects.toMatchObject({ code: 'TOKEN_MISSING' });
    const { id, text } = await createToken(world.store, { name: 'a', scopes: ['admin'] }, world.parts.random);
    const { port } = await listenTo(world, { host: '0.0.0.0' });
    const get = (headers: Record<string, string>) => fetch(`http://127.0.0.1:${port}/api/v1/runs`, { headers });
    expect((await get({})).status).toBe(401);
    expect((await get({ authorization: `Bearer ${text}` })).status).toBe(200);
    // The last one that is revoked: the next start is refused again.
    await world.ask('DELETE', `/tokens/${id}`);
    await expect(listenTo(world, { host: '0.0.0.0' })).rejects.toMatchObject({ code: 'TOKEN_MISSING' });
  });

  it('closes when it is told to: streams end, what is under way is finished, new ones are not taken', async () => {
    const world = await openWorld(open);
    const listening = await listenTo(world);
    const stream = new RawClient(listening.port).send('GET /api/v1/events/stream HTTP/1.1\r\nhost: localhost\r\n\r\n');
    await stream.until(/retry: 2000/);
    expect(listening.server.openStreams()).toBe(1);
    const begun = new RawClient(listening.port).send(
      'POST /api/v1/pipelines/p/pause HTTP/1.1\r\nhost: localhost\r\nexpect: 100-continue\r\n' +
        'content-type: application/json\r\ncontent-length: 2\r\n\r\n',
    );
    await begun.until(/100 Continue/);
    const closed = listening.close({ graceMs: 60_000 });
    begun.send('{}');
    expect(await begun.closed()).toContain('PIPELINE_UNKNOWN');
    await closed;
    expect(await stream.closed()).toMatch(/\r\n0\r\n\r\n$/);
    expect(listening.server.openStreams()).toBe(0);
    await expect(fetch(`${listening.url}/api/v1/health`)).rejects.toThrow();
  });
});

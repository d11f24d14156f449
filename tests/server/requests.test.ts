import { describe, expect, it } from 'vitest';
import { storeOpener } from '../orchestrator/stores.ts';
import { openWorld } from './world.ts';

describe('a request', () => {
  const open = storeOpener('sqlite');

  it('that cannot be understood is told every place and what is wrong there, never the value', async () => {
    const world = await openWorld(open);
    const problem = async (method: string, path: string, body?: unknown): Promise<string> => {
      const { status, body: answered } = await world.ask(method, path, body === undefined ? {} : { body });
      return `${status} ${answered.code}: ${(answered.params.problems ?? []).join('; ')}`;
    };
    expect(await problem('GET', '/runs/abc')).toBe('400 REQUEST_INVALID: path.run: is no whole number');
    expect(await problem('GET', '/runs/0')).toMatch(/path\.run: lies outside of 1 to/);
    expect(await problem('GET', '/runs?limit=1000')).toBe('400 REQUEST_INVALID: query.limit: lies outside of 1 to 500');
    expect(await problem('GET', '/runs?limt=3')).toBe('400 REQUEST_INVALID: query: limt is not known here');
    expect(await problem('GET', '/runs?limit=1&limit=2')).toMatch(/query\.limit: Invalid input: expected string/);
    expect(await problem('GET', '/runs?state=running,gone')).toMatch(/query\.state\.1: Invalid option/);
    expect(await problem('GET', '/runs?from=31.12.2018')).toMatch(/query\.from is no date or time in UTC/);
    expect(await problem('GET', '/runs?cursor=abc')).toBe(
      '400 REQUEST_INVALID: query.cursor is no cursor of this list',
    );
    expect(await problem('GET', '/health?x=1')).toBe('400 REQUEST_INVALID: query: x is not known here');
    expect(await problem('POST', '/runs', {})).toBe('400 REQUEST_INVALID: body.pipeline is missing');
    expect(await problem('POST', '/runs', { pipeline: 'p', intervall: 'hunter2' })).toBe(
      '400 REQUEST_INVALID: body: intervall is not known here',
    );
    expect(await problem('POST', '/runs', { pipeline: 'p', params: 'hunter2' })).not.toContain('hunter2');
    expect(await problem('POST', '/runs', '{"pipeline":')).toBe('400 REQUEST_INVALID: the body is no JSON');
    expect(await problem('POST', '/runs', [1])).toMatch(/body: Invalid input: expected object/);
    expect(await problem('POST', '/runs', `{"params":${'['.repeat(100)}${']'.repeat(100)}}`)).toBe(
      '400 REQUEST_INVALID: the body is nested deeper than 64 levels',
    );
    expect(await problem('POST', '/runs', { pipeline: 'p', fromSources: true, pruneAll: true })).toBe(
      '400 REQUEST_INVALID: body.fromSources means something with rebuild only; body.pruneAll means something with prune only',
    );
    expect(await problem('POST', '/runs', { pipeline: 'p', interval: '2018-11-02/2018-11-01' })).toMatch(
      /400 INTERVAL_INVALID/,
    );
    expect(await problem('PUT', '/pools/a%2Fb', { slots: 1 })).toMatch(/path\.pool is no name/);
    expect(await problem('PUT', '/pools/a', { slots: 0 })).toMatch(/body\.slots: Too small/);
  });

  it('keeps what looks like the machinery of objects apart from it', async () => {
    const world = await openWorld(open);
    const { body } = await world.ask('POST', '/runs', { body: '{"pipeline":"p","__proto__":{"dryRun":true}}' });
    expect(body.params.problems).toEqual(['body: __proto__ is not known here']);
    expect((await world.ask('GET', '/runs?__proto__=1')).status).toBe(400);
    expect((await world.ask('GET', '/pipelines/__proto__')).body.code).toBe('PIPELINE_UNKNOWN');
    expect(({} as { dryRun?: boolean }).dryRun).toBeUndefined();
  });

  it('for something that is not there is told so, and what there is instead', async () => {
    const world = await openWorld(open);
    const get = await world.ask('GET', '/nowhere');
    expect([get.status, get.body.code]).toEqual([404, 'ROUTE_UNKNOWN']);
    const post = await world.ask('POST', '/health', { body: {} });
    expect([post.status, post.body.code, post.headers.get('allow')]).toEqual([405, 'METHOD_REFUSED', 'GET']);
    const put = await world.ask('PUT', '/runs/1', { body: {} });
    expect([put.status, put.headers.get('allow')]).toEqual([405, 'GET']);
  });

  it('for what the asker has already is answered with 304 and nothing else', async () => {
    const world = await openWorld(open);
    const first = await world.ask('GET', '/pools');
    const etag = first.headers.get('etag')!;
    expect(etag).toMatch(/^"[\w-]{27}"$/);
    for (const known of [etag, `W/${etag}`, `"other", ${etag}`, '*']) {
      const again = await world.ask('GET', '/pools', { headers: { 'if-none-match': known } });
      expect([again.status, again.text, again.headers.get('etag')], known).toEqual([304, '', etag]);
    }
    await world.ask('PUT', '/pools/p', { body: { slots: 2 } });
    const changed = await world.ask('GET', '/pools', { headers: { 'if-none-match': etag } });
    expect(changed.status).toBe(200);
    expect(changed.headers.get('etag')).not.toBe(etag);
  });

  it('by HEAD is answered as GET without its body', async () => {
    const world = await openWorld(open);
    const head = await world.ask('HEAD', '/pools');
    expect([head.status, head.text]).toEqual([200, '']);
    expect(head.headers.get('etag')).toBe((await world.ask('GET', '/pools')).headers.get('etag'));
    // A stream that nobody reads takes no place from others.
    const stream = await world.ask('HEAD', '/events/stream');
    expect([stream.status, stream.headers.get('content-type'), stream.text]).toEqual([200, 'text/event-stream', '']);
    expect(world.server.openStreams()).toBe(0);
  });

  it('about health is answered also when the store is gone', async () => {
    const world = await openWorld(open);
    expect((await world.ask('GET', '/health')).body.store.reachable).toBe(true);
    await world.store.close();
    const { status, body } = await world.ask('GET', '/health');
    expect([status, body.store.reachable, body.scheduler]).toEqual([
      200,
      false,
      { alive: false, heartbeatAtMs: null, worker: null },
    ]);
    expect((await world.ask('GET', '/runs')).status).toBeGreaterThanOrEqual(500);
  });
});

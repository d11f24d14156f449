import { describe, expect, it } from 'vitest';
import { sseMessages } from '../../src/server/client/sse-messages.ts';
import { graphFrom } from '../orchestrator/graphs.ts';
import { eachStore, storeOpener } from '../orchestrator/stores.ts';
import { openWorld, type World } from './world.ts';

interface Stream {
  /** The next message, of whatever kind. */
  next(): Promise<
    { readonly id: string | undefined; readonly event: string | undefined; readonly data: string } | undefined
  >;
  close(): Promise<void>;
  readonly status: number;
}

async function stream(world: World, path: string, headers: Record<string, string> = {}): Promise<Stream> {
  const response = await world.server.app.request(
    `http://localhost/api/v1${path}`,
    { headers },
    {
      incoming: { socket: { remoteAddress: '127.0.0.1' } },
      outgoing: { destroy: () => world.unforeseen.push('dropped') },
    },
  );
  const reader = response.body!.getReader();
  async function* pieces(): AsyncGenerator<Buffer> {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield Buffer.from(value);
    }
  }
  const messages = sseMessages(pieces());
  return {
    status: response.status,
    next: async () => {
      for (;;) {
        const { done, value } = await messages.next();
        if (done === true) return undefined;
        if (value.id !== undefined || value.event !== undefined) return value;
      }
    },
    close: () => reader.cancel(),
  };
}

const graph = graphFrom('a, b after a', { pipeline: 'p' });
const types = (items: readonly { readonly type: string }[]): readonly string[] => items.map((e) => e.type);

eachStore((_, open) => {
  it('a reader who remembers one number misses nothing and sees nothing twice', async () => {
    const world = await openWorld(open);
    await world.run(graph);
    const first = await stream(world, '/events/stream?after=0');
    expect(await first.next()).toMatchObject({ id: '0', data: '' });
    const seen: string[] = [];
    let id: string | undefined;
    for (let i = 0; i < 2; i++) {
      const message = (await first.next())!;
      seen.push((JSON.parse(message.data) as { type: string }).type);
      id = message.id;
    }
    await first.close();
    await world.work();
    const second = await stream(world, '/events/stream', { 'last-event-id': id! });
    expect(await second.next()).toMatchObject({ id, data: '' });
    for (let i = 0; i < 2; i++) seen.push((JSON.parse((await second.next())!.data) as { type: string }).type);
    // What happens while it listens comes as well.
    const later = second.next();
    await world.work();
    seen.push((JSON.parse((await later)!.data) as { type: string }).type);
    await second.close();
    const all = types((await world.ask('GET', '/events')).body.items);
    expect(seen).toEqual(all.slice(0, seen.length));
    expect(seen).toEqual(['run.created', 'run.started', 'task.started', 'task.succeeded', 'task.started']);
  });

  it('pages and streams can be narrowed to a pipeline, a run and types', async () => {
    const world = await openWorld(open);
    const run = await world.run(graph);
    await world.run(graphFrom('c', { pipeline: 'q' }));
    await world.work();
    const ask = async (query: string): Promise<readonly string[]> =>
      types((await world.ask('GET', `/events?${query}`)).body.items);
    expect(await ask('type=task.succeeded')).toEqual(['task.succeeded', 'task.succeeded']);
    expect(await ask(`type=task&run=${run}`)).toEqual(['task.started', 'task.succeeded']);
    expect(await ask('pipeline=q&type=run,task.started')).toEqual([
      'run.created',
      'run.started',
      'task.started',
      'run.succeeded',
    ]);
    const page = (await world.ask('GET', '/events?limit=2')).body;
    expect([page.more, types(page.items)]).toEqual([true, ['run.created', 'run.started']]);
    expect(types((await world.ask('GET', `/events?limit=1&after=${page.next}`)).body.items)).toEqual(['run.created']);
    const narrow = await stream(world, '/events/stream?after=0&pipeline=q&type=run.succeeded');
    await narrow.next();
    expect(JSON.parse((await narrow.next())!.data)).toMatchObject({ type: 'run.succeeded', pipeline: 'q' });
    await narrow.close();
  });
});

describe('a stream', () => {
  const open = storeOpener('sqlite');

  it('begins with now when nobody says otherwise', async () => {
    const world = await openWorld(open);
    await world.run(graph);
    const follow = await stream(world, '/events/stream');
    expect(await follow.next()).toMatchObject({ data: '' });
    await world.work();
    expect(JSON.parse((await follow.next())!.data)).toMatchObject({ type: 'task.started' });
    await follow.close();
  });

  it('tells that events were removed, or that the store is another one', async () => {
    const world = await openWorld(open);
    await world.run(graph);
    await world.work();
    await world.store.write((tx) => tx.db.deleteFrom('events').where('seq', '<', 3).execute());
    const late = await stream(world, '/events/stream', { 'last-event-id': '1' });
    expect(await late.next()).toMatchObject({ event: 'gap', data: '{"after":1,"next":3}' });
    expect(await late.next()).toMatchObject({ id: '1' });
    expect(JSON.parse((await late.next())!.data)).toMatchObject({ seq: 3 });
    await late.close();
    const ahead = await stream(world, '/events/stream?after=999');
    expect(await ahead.next()).toMatchObject({ event: 'gap' });
    await ahead.close();
  });

  it('of a client that takes nothing fetches nothing, and is cut off after a while', async () => {
    const world = await openWorld(open, { heartbeatMs: 1000, stallMs: 5000 });
    for (let i = 0; i < 50; i++) await world.run(graph);
    let asked = 0;
    const { db } = world.store;
    Object.assign(world.parts.store, {
      db: new Proxy(db, {
        get: (target, name) => {
          if (name === 'selectFrom') asked++;
          const value = Reflect.get(target, name, target) as unknown;
          return typeof value === 'function' ? (value.bind(target) as unknown) : value;
        },
      }),
    });
    const lazy = await stream(world, '/events/stream?after=0');
    for (let i = 0; i < 3; i++) await lazy.next();
    // One message more is kept ready; then nothing moves until the client does.
    for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve));
    const before = asked;
    expect(world.server.openStreams()).toBe(1);
    world.time.advance(4999);
    for (let i = 0; i < 20; i++) await world.run(graph);
    expect(asked).toBe(before);
    world.time.advance(1);
    expect([world.server.openStreams(), world.unforeseen]).toEqual([0, ['dropped']]);
    await lazy.close();
  });

  it('that is never read is ended after a while', async () => {
    const world = await openWorld(open, { stallMs: 5000 });
    const node = { incoming: { socket: {} }, outgoing: { destroy: () => world.unforeseen.push('dropped') } };
    await world.server.app.request('http://localhost/api/v1/events/stream', {}, node);
    expect(world.server.openStreams()).toBe(1);
    world.time.advance(5000);
    expect([world.server.openStreams(), world.unforeseen]).toEqual([0, ['dropped']]);
  });

  it('sends a comment when nothing happens', async () => {
    const world = await openWorld(open, { heartbeatMs: 1000 });
    const response = await world.server.app.request(
      'http://localhost/api/v1/events/stream',
      {},
      { incoming: { socket: {} } },
    );
    const reader = response.body!.getReader();
    const text = async (): Promise<string> => Buffer.from((await reader.read()).value!).toString();
    expect([await text(), await text()]).toEqual(['retry: 2000\n\n', 'id: 0\n\n']);
    const silent = text();
    while (world.time.nextMs() === undefined) await new Promise((resolve) => setImmediate(resolve));
    await new Promise((resolve) => setImmediate(resolve));
    world.time.advance(1000);
    expect(await silent).toBe(': still here\n\n');
    await reader.cancel();
    expect(world.server.openStreams()).toBe(0);
  });

  it('is one of few for each client, and all end when the server stops', async () => {
    const world = await openWorld(open, { streams: { perClient: 2, all: 3 } });
    const streams = [await stream(world, '/events/stream'), await stream(world, '/events/stream')];
    const third = await world.ask('GET', '/events/stream');
    expect([third.status, third.body.code]).toEqual([429, 'TOO_MANY_STREAMS']);
    await streams[0]!.close();
    const again = await stream(world, '/events/stream');
    expect(again.status).toBe(200);
    await again.next();
    world.server.stop();
    expect(await again.next()).toBeUndefined();
    expect(world.server.openStreams()).toBe(0);
  });

  it('ends when the token it was opened with is revoked', async () => {
    const world = await openWorld(open, { loginRequired: true, localToken: 'local', heartbeatMs: 1000 });
    const admin = { headers: { authorization: 'Bearer local' } };
    const { body: token } = await world.ask('POST', '/tokens', { ...admin, body: { name: 'x', scopes: ['viewer'] } });
    const open2 = await stream(world, '/events/stream', { authorization: `Bearer ${token.text}` });
    await open2.next();
    await world.run(graph);
    expect(await open2.next()).toBeDefined();
    await world.ask('DELETE', `/tokens/${token.id}`, admin);
    world.time.advance(1000);
    // One message more may be on its way.
    await world.run(graph);
    const rest: unknown[] = [];
    for (let m = await open2.next(); m !== undefined; m = await open2.next()) rest.push(m);
    expect(rest.length).toBeLessThanOrEqual(2);
    expect(world.server.openStreams()).toBe(0);
  });
});

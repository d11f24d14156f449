import { expect, it } from 'vitest';
import { graphFrom } from '../orchestrator/graphs.ts';
import { eachStore } from '../orchestrator/stores.ts';
import { type Answered, openWorld, type World } from './world.ts';

const keyed = (key: string, more: Record<string, string> = {}) => ({ headers: { 'idempotency-key': key, ...more } });

async function withPipeline(world: World): Promise<number> {
  return world.run(graphFrom('a, b after a', { pipeline: 'p' }));
}

eachStore((_, open) => {
  it('the same request with the same key is answered the same and done once', async () => {
    const world = await openWorld(open);
    const run = await withPipeline(world);
    const cancel = (key: string): Promise<Answered> =>
      world.ask('POST', `/runs/${run}/cancel`, { ...keyed(key), body: {} });
    const first = await cancel('k1');
    const retried = await world.ask('POST', `/runs/${run}/retry`, { body: {} });
    const second = await cancel('k1');
    expect([first.status, second.status]).toEqual([200, 200]);
    expect(second.body).toEqual(first.body);
    expect([first, second].map((a) => a.headers.get('idempotency-replayed'))).toEqual([null, 'true']);
    // Done again it would have stopped the run that was retried in between.
    expect((await world.ask('GET', `/runs/${run}`)).body.state).toBe(retried.body.run.state);
  });

  it('one key for two requests is refused, and the keys of two people are two', async () => {
    const world = await openWorld(open);
    const tokens = await Promise.all(
      ['anna', 'ben'].map(
        async (name) => (await world.ask('POST', '/tokens', { body: { name, scopes: ['operator'] } })).body.text,
      ),
    );
    const run = await withPipeline(world);
    const pause = (body: object, token?: string): Promise<Answered> =>
      world.ask('POST', '/pipelines/p/pause', {
        ...keyed('k', token === undefined ? {} : { authorization: `Bearer ${token}` }),
        body,
      });
    expect((await pause({}, tokens[0])).body).toMatchObject({ changed: true });
    const other = await world.ask('POST', `/runs/${run}/cancel`, {
      ...keyed('k', { authorization: `Bearer ${tokens[0]}` }),
      body: {},
    });
    expect([other.status, other.body.code]).toEqual([422, 'IDEMPOTENCY_KEY_REUSED']);
    const ben = await pause({}, tokens[1]);
    expect([ben.body.changed, ben.headers.get('idempotency-replayed')]).toEqual([false, null]);
  });

  it('what was refused is not kept: the key may be used when the cause is gone', async () => {
    const world = await openWorld(open);
    const pause = (): Promise<Answered> => world.ask('POST', '/pipelines/p/pause', { ...keyed('k'), body: {} });
    expect((await pause()).status).toBe(404);
    await withPipeline(world);
    expect((await pause()).body).toEqual({ pipeline: 'p', paused: true, changed: true });
  });

  it('two requests of one moment with one key change once', async () => {
    const world = await openWorld(open);
    await withPipeline(world);
    const answers = await Promise.all(
      Array.from({ length: 5 }, () => world.ask('POST', '/pipelines/p/pause', { ...keyed('k'), body: {} })),
    );
    expect(answers.map((a) => a.body)).toEqual(Array(5).fill({ pipeline: 'p', paused: true, changed: true }));
    const { body } = await world.ask('GET', '/events?type=pipeline.paused');
    expect(body.items).toHaveLength(1);
  });

  it('a dry run tells what would be, and nothing is changed or told', async () => {
    const world = await openWorld(open);
    const run = await withPipeline(world);
    const before = (await world.ask('GET', '/events')).body.next;
    const dry = await world.ask('POST', `/runs/${run}/cancel`, { ...keyed('k'), body: { dryRun: true } });
    expect(dry.body).toMatchObject({ dryRun: true, changed: true, tasks: ['a', 'b'], run: { state: 'cancelled' } });
    expect((await world.ask('GET', `/runs/${run}`)).body.state).toBe('running');
    const real = await world.ask('POST', `/runs/${run}/cancel`, { ...keyed('k'), body: {} });
    expect(real.body).toMatchObject({ dryRun: false, changed: true });
    const events = (await world.ask('GET', `/events?after=${before}`)).body.items.map((e: { type: string }) => e.type);
    expect(events).toEqual(['task.cancelled', 'task.cancelled', 'run.cancelled']);
  });

  it('of many, those that are refused leave nothing behind and keep nobody back', async () => {
    const world = await openWorld(open);
    const graph = graphFrom('a, b after a', { pipeline: 'p' });
    const [one, two] = [await world.run(graph), await world.run(graph)];
    await world.ask('POST', `/runs/${two}/cancel`, { body: {} });
    const { body } = await world.ask('POST', '/runs/change', { body: { action: 'cancel', runs: [one, two, 999] } });
    expect(body).toMatchObject({ changed: 1, refused: 2, dryRun: false });
    expect(body.items.map((i: { error: { code: string } | null }) => i.error?.code ?? null)).toEqual([
      null,
      'RUN_ENDED',
      'RUN_UNKNOWN',
    ]);
    const { items } = (await world.ask('GET', '/events?type=run')).body;
    expect(items.filter((e: { type: string }) => e.type === 'run.cancelled')).toHaveLength(2);
  });

  it("a new token's text is told once, and not to whoever repeats the request", async () => {
    const world = await openWorld(open);
    const make = (): Promise<Answered> =>
      world.ask('POST', '/tokens', { ...keyed('k'), body: { name: 'ci', scopes: ['viewer', 'operator'] } });
    const [first, second] = [await make(), await make()];
    expect(first.status).toBe(201);
    expect(first.body).toMatchObject({
      name: 'ci',
      scopes: ['viewer', 'operator'],
      text: expect.stringMatching(/^spk_/),
    });
    expect(second.body).toEqual({ ...first.body, text: null });
    const { rows } = { rows: await world.store.db.selectFrom('idempotency').select('body_json').execute() };
    const hashes = await world.store.db.selectFrom('tokens').select('hash').execute();
    expect(JSON.stringify([rows, hashes])).not.toContain(first.body.text);
    const listed = await world.ask('GET', '/tokens');
    expect(listed.text).not.toContain(first.body.text);
    expect(listed.body.items).toHaveLength(1);
  });

  it('a token is worth nothing from the moment it is revoked', async () => {
    const world = await openWorld(open, { loginRequired: true, localToken: 'local' });
    const admin = { headers: { authorization: 'Bearer local' } };
    const { body: token } = await world.ask('POST', '/tokens', { ...admin, body: { name: 'x', scopes: ['viewer'] } });
    const asked = { headers: { authorization: `Bearer ${token.text}` } };
    expect((await world.ask('GET', '/runs', asked)).status).toBe(200);
    expect(
      (await world.ask('DELETE', `/tokens/${token.id}`, { ...admin, body: { dryRun: true } })).body.revokedAtMs,
    ).not.toBeNull();
    expect((await world.ask('GET', '/runs', asked)).status).toBe(200);
    expect((await world.ask('DELETE', `/tokens/${token.id}`, admin)).body).toMatchObject({
      id: token.id,
      lastUsedAtMs: expect.any(Number),
    });
    expect((await world.ask('GET', '/runs', asked)).body.code).toBe('TOKEN_REFUSED');
    expect((await world.ask('DELETE', '/tokens/nobody', admin)).body.code).toBe('TOKEN_UNKNOWN');
  });

  it('nobody gives away more than they have', async () => {
    const world = await openWorld(open, { loginRequired: true, localToken: 'local' });
    const { body } = await world.ask('POST', '/tokens', {
      headers: { authorization: 'Bearer local' },
      body: { name: 'x', scopes: ['operator'] },
    });
    const asked = { headers: { authorization: `Bearer ${body.text}` }, body: { name: 'y', scopes: ['admin'] } };
    expect((await world.ask('POST', '/tokens', asked)).body.code).toBe('SCOPE_LACKING');
  });

  it('a key is visible ASCII of at most 200 characters', async () => {
    const world = await openWorld(open);
    for (const key of ['', 'a b', 'ä', 'x'.repeat(201)])
      expect((await world.ask('POST', '/pipelines/p/pause', { ...keyed(key), body: {} })).body.code, key).toBe(
        'REQUEST_INVALID',
      );
  });
});

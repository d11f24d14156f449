import { describe, expect, it } from 'vitest';
import { createToken } from '../../src/server/tokens/tokens.ts';
import { storeOpener } from '../orchestrator/stores.ts';
import { type Answered, openWorld, type World } from './world.ts';

const code = (answered: Answered): string => `${answered.status} ${answered.body.code}`;
const bearer = (token: string) => ({ headers: { authorization: `Bearer ${token}` } });

async function tokenOf(world: World, ...scopes: ('viewer' | 'analyst' | 'operator' | 'admin')[]): Promise<string> {
  return (await createToken(world.store, { name: `a ${scopes[0]}`, scopes }, world.parts.random)).text;
}

describe('whoever asks', () => {
  const open = storeOpener('sqlite');

  it('is let in on this machine without a token, by its names only', async () => {
    const world = await openWorld(open, { hosts: [], loginRequired: false });
    for (const host of ['localhost', 'LOCALHOST:7380', '127.0.0.1:1', '[::1]:7380'])
      expect((await world.ask('GET', '/runs', { headers: { host } })).status, host).toBe(200);
    // A page of evil.example whose name was pointed at 127.0.0.1.
    for (const host of [
      'evil.example',
      'localhost.evil.example',
      'evil.example:7380',
      '127.0.0.1.evil.example',
      'localhost@evil.example',
      'localhost, evil.example',
      '[::1]evil',
      '',
    ])
      expect(code(await world.ask('GET', '/runs', { headers: { host } })), host).toBe('403 HOST_REFUSED');
  });

  it('is refused before the path is looked at', async () => {
    const world = await openWorld(open);
    const headers = { host: 'evil.example' };
    expect(code(await world.ask('GET', '/nowhere', { headers }))).toBe('403 HOST_REFUSED');
    expect(code(await world.ask('GET', '/openapi.json', { headers }))).toBe('403 HOST_REFUSED');
  });

  it('may come by a name that was configured, and then needs a token', async () => {
    const world = await openWorld(open, { hosts: ['Data.Example'] });
    const token = await tokenOf(world, 'viewer');
    const headers = { host: 'data.example' };
    expect(code(await world.ask('GET', '/runs', { headers }))).toBe('401 LOGIN_REQUIRED');
    expect((await world.ask('GET', '/runs', { headers: { ...headers, ...bearer(token).headers } })).status).toBe(200);
  });

  it('may change nothing from a page of elsewhere', async () => {
    const world = await openWorld(open);
    const pause = (headers: Record<string, string>): Promise<Answered> =>
      world.ask('POST', '/pipelines/p/pause', { headers, body: {} });
    const from = { host: 'localhost:7380' };
    for (const headers of [
      { origin: 'https://evil.example' },
      { origin: 'null' },
      { origin: 'http://localhost:8080' },
      { origin: 'http://localhost:7380.evil.example' },
      { 'sec-fetch-site': 'cross-site' },
      { 'sec-fetch-site': 'same-site' },
      { 'sec-fetch-site': 'cross-site', origin: 'http://localhost:7380' },
      { 'sec-fetch-site': 'same-origin', origin: 'https://evil.example' },
      // A navigation is no excuse for a change.
      { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate' },
    ] as Record<string, string>[])
      expect(code(await pause({ ...from, ...headers })), JSON.stringify(headers)).toBe('403 ORIGIN_REFUSED');
    for (const headers of [
      {},
      { origin: 'http://localhost:7380' },
      { 'sec-fetch-site': 'same-origin', origin: 'http://localhost:7380' },
      { 'sec-fetch-site': 'none' },
    ] as Record<string, string>[])
      expect(code(await pause({ ...from, ...headers })), JSON.stringify(headers)).toBe('404 PIPELINE_UNKNOWN');
  });

  it('cannot be a form of another page, which may send no JSON', async () => {
    const world = await openWorld(open);
    for (const type of [
      'application/x-www-form-urlencoded',
      'multipart/form-data; boundary=x',
      'text/plain',
      'application/json+x',
    ])
      expect(
        code(await world.ask('POST', '/runs', { body: '{"pipeline":"p"}', headers: { 'content-type': type } })),
        type,
      ).toBe('415 BODY_TYPE_REFUSED');
  });

  it('reads nothing from a page of elsewhere either, but may follow a link', async () => {
    const world = await openWorld(open);
    const headers = { 'sec-fetch-site': 'cross-site' };
    expect(code(await world.ask('GET', '/runs', { headers }))).toBe('403 ORIGIN_REFUSED');
    expect((await world.ask('GET', '/runs', { headers: { ...headers, 'sec-fetch-mode': 'navigate' } })).status).toBe(
      200,
    );
  });

  it('gets no leave for other origins', async () => {
    const world = await openWorld(open);
    const preflight = await world.ask('OPTIONS', '/runs', {
      headers: { origin: 'http://localhost', host: 'localhost', 'access-control-request-method': 'POST' },
    });
    expect(code(preflight)).toBe('405 METHOD_REFUSED');
    expect(preflight.headers.get('allow')).toBe('GET, POST');
    expect([...preflight.headers.keys()].filter((name) => name.startsWith('access-control'))).toEqual([]);
  });

  it('does with a token what its scope holds, and no more', async () => {
    const world = await openWorld(open, { loginRequired: true });
    const tokens = {
      viewer: await tokenOf(world, 'viewer'),
      operator: await tokenOf(world, 'operator'),
      admin: await tokenOf(world, 'admin'),
    };
    const results = async (token: string | undefined): Promise<readonly string[]> => {
      const asked = token === undefined ? {} : bearer(token);
      return [
        code0(await world.ask('GET', '/runs', asked)),
        code0(await world.ask('POST', '/pipelines/p/pause', { ...asked, body: {} })),
        code0(await world.ask('PUT', '/pools/p', { ...asked, body: { slots: 1 } })),
        code0(await world.ask('GET', '/tokens', asked)),
      ];
    };
    const code0 = (a: Answered): string => (a.status < 300 ? String(a.status) : code(a));
    expect(await results(undefined)).toEqual(Array(4).fill('401 LOGIN_REQUIRED'));
    expect(await results(tokens.viewer)).toEqual(['200', ...Array(3).fill('403 SCOPE_LACKING')]);
    expect(await results(tokens.operator)).toEqual([
      '200',
      '404 PIPELINE_UNKNOWN',
      ...Array(2).fill('403 SCOPE_LACKING'),
    ]);
    expect(await results(tokens.admin)).toEqual(['200', '404 PIPELINE_UNKNOWN', '200', '200']);
  });

  it('is asked for a token with the right header, and refused with a wrong one even on this machine', async () => {
    const world = await openWorld(open);
    const good = await tokenOf(world, 'viewer');
    const nobody = await world.ask('GET', '/runs', bearer('spk_000000000000_wrong'));
    expect([code(nobody), nobody.headers.get('www-authenticate')]).toEqual([
      '401 TOKEN_REFUSED',
      'Bearer realm="sparkify", error="invalid_token"',
    ]);
    for (const authorization of [
      `Basic ${good}`,
      'Bearer',
      `Bearer ${good}x`,
      `Bearer ${good.slice(0, -1)}`,
      good,
      `Bearer ${good} ${good}`,
    ])
      expect(code(await world.ask('GET', '/runs', { headers: { authorization } })), authorization).toBe(
        '401 TOKEN_REFUSED',
      );
    expect((await world.ask('GET', '/runs', { headers: { authorization: `bearer  ${good}` } })).status).toBe(200);
  });

  it('that guesses tokens is not listened to for a while; who had a right one before is', async () => {
    const world = await openWorld(open, { loginRequired: true });
    const [known, late] = [await tokenOf(world, 'viewer'), await tokenOf(world, 'viewer')];
    const from = (token: string, address: string) => world.ask('GET', '/runs', { ...bearer(token), address });
    expect((await from(known, '10.0.0.1')).status).toBe(200);
    for (let i = 0; i < 10; i++) expect(code(await from(`guess${i}`, '10.0.0.1'))).toBe('401 TOKEN_REFUSED');
    const closed = await from('guess', '10.0.0.1');
    expect([code(closed), closed.headers.get('retry-after')]).toEqual(['429 TOO_MANY_FAILURES', '60']);
    expect(code(await from(late, '10.0.0.1'))).toBe('429 TOO_MANY_FAILURES');
    expect((await from(known, '10.0.0.1')).status).toBe(200);
    expect((await from(late, '10.0.0.2')).status).toBe(200);
    world.time.advance(60_000);
    expect((await from(late, '10.0.0.1')).status).toBe(200);
  });

  it('with the token of up.json may do everything, and nobody learns it', async () => {
    const world = await openWorld(open, { loginRequired: true, localToken: 'the-local-token' });
    expect((await world.ask('GET', '/tokens', bearer('the-local-token'))).status).toBe(200);
    expect(code(await world.ask('GET', '/tokens', bearer('the-local-toke')))).toBe('401 TOKEN_REFUSED');
    expect((await world.ask('GET', '/health')).text).not.toContain('the-local-token');
  });

  it('learns nothing of the inside from outside but that it lives', async () => {
    const world = await openWorld(open, { loginRequired: true });
    const { body } = await world.ask('GET', '/health');
    expect(body).toMatchObject({
      version: null,
      project: null,
      pid: null,
      store: { url: null, reachable: true },
      login: true,
    });
  });
});

describe('every answer', () => {
  const open = storeOpener('sqlite');

  it('has the headers that keep it from being framed, guessed at and kept', async () => {
    const world = await openWorld(open);
    for (const answered of [
      await world.ask('GET', '/runs'),
      await world.ask('GET', '/nowhere'),
      await world.ask('GET', '/runs', { headers: { host: 'evil.example' } }),
      await world.ask('POST', '/runs', { body: 'x' }),
    ]) {
      const header = (name: string): string | null => answered.headers.get(name);
      expect(header('content-security-policy')).toContain("default-src 'none'; frame-ancestors 'none'");
      expect(header('x-content-type-options')).toBe('nosniff');
      expect(header('cache-control')).toBe('no-store');
      expect(header('referrer-policy')).toBe('no-referrer');
      expect(header('cross-origin-resource-policy')).toBe('same-origin');
      expect(header('x-request-id')).toMatch(/^[0-9a-f]{16}$/);
    }
  });

  it('of what nobody foresaw tells nothing but its number', async () => {
    const world = await openWorld(open);
    await world.store.write((tx) => tx.db.schema.dropTable('pools').execute());
    const answered = await world.ask('GET', '/pools');
    expect(answered.status).toBe(500);
    expect(answered.text).not.toMatch(/pools|sqlite|select|\.ts/i);
    expect(answered.body.detail).toContain(answered.headers.get('x-request-id'));
    expect(String(world.unforeseen[0])).toContain('pools');
  });

  it('of an error hides secrets and shows no stack', async () => {
    const world = await openWorld(open, { secrets: ['hunter2-secret'] });
    const answered = await world.ask('POST', '/runs', { body: { pipeline: 'hunter2-secret postgresql://u:pw@h/d' } });
    expect(code(answered)).toBe('404 PIPELINE_UNKNOWN');
    expect(answered.text).not.toMatch(/hunter2|:pw@|\bat \w/);
    expect(answered.headers.get('content-type')).toBe('application/problem+json');
  });
});

import { expect, test } from 'vitest';
import { testProject } from './project.ts';

test('a token is shown once, listed without its text, and revoked', async () => {
  const project = testProject();
  expect((await project.cli('token', 'list')).out).toContain('no tokens');
  const made = await project.cli('token', 'create', 'dashboard', '--scope', 'operator');
  expect(made.out).toMatch(/^spk_[0-9a-f]{12}_[\w-]{43}\n$/);
  expect(made.err).toContain('note it now');
  const [token] = await project.json<{ id: string; scopes: string[] }[]>('token', 'list');
  expect(token).toMatchObject({ name: 'dashboard', scopes: ['operator'], revokedAtMs: null });
  expect(JSON.stringify(token)).not.toContain(made.out.trim().slice(-20));
  expect((await project.cli('token', 'revoke', token!.id)).out).toContain('is revoked');
  expect((await project.cli('token', 'list')).out).toMatch(/dashboard .* revoked/);
  expect((await project.cli('token', 'create', 'x', '--scope', 'owner')).code).toBe(2);
});

test('pools are made, changed and listed; one of none is refused', async () => {
  const project = testProject();
  expect(await project.json('pools', 'list')).toEqual([]);
  expect((await project.cli('pools', 'set', 'api', '4')).out).toMatch(/api +4 +0 +0/);
  expect(await project.json('pools', 'set', 'api', '2')).toMatchObject({ name: 'api', slots: 2 });
  expect((await project.cli('pools', 'set', 'api', '0')).err).toContain('whole number from 1 on');
  expect((await project.cli('pools', 'list')).out).toMatch(/api +2/);
});

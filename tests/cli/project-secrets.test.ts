import { expect, test } from 'vitest';
import type { Project } from '../../src/cli/project.ts';
import { projectSecrets } from '../../src/cli/project-secrets.ts';
import { fakeContext } from './fake-context.ts';

test('passwords of URLs, webhooks and secret variables are secrets; places and switches are not', () => {
  const project = {
    warehouseUrl: 'postgresql://me:p%40ss@db/x',
    storeUrl: 'postgresql://db/x?user=me&password=other-one',
    alerts: [{ webhook: 'https://hooks.example/abc', secret: 'signing-secret' }],
  } as unknown as Project;
  const env = {
    PGPASSWORD: 'from-the-environment',
    AWS_SECRET_ACCESS_KEY: 'wJalrXUtnFEMI',
    API_TOKEN_ENABLED: 'true',
    PWD: '/some/where/long',
    PGPASSFILE: '/some/where/else',
    HOME: '/somewhere/at/home',
  };
  expect([...projectSecrets(fakeContext({ env }), project)].sort()).toEqual(
    [
      'p%40ss',
      'p@ss',
      'other-one',
      'https://hooks.example/abc',
      'signing-secret',
      'from-the-environment',
      'wJalrXUtnFEMI',
    ].sort(),
  );
});

import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { operationIds, operations, scopes } from '../../src/server/operations.ts';
import { operationsTable } from '../../src/server/operations-doc.ts';
import { graphFrom } from '../orchestrator/graphs.ts';
import { storeOpener } from '../orchestrator/stores.ts';
import { problemsOfDocument } from './openapi-rules.ts';
import { openWorld, operationAt } from './world.ts';

// biome-ignore lint/suspicious/noExplicitAny: a document of somebody else's shape
type Json = any;

describe('the OpenAPI document', () => {
  const open = storeOpener('sqlite');

  it('is a valid OpenAPI 3.1 document', async () => {
    const world = await openWorld(open);
    const { body, status } = await world.ask('GET', '/openapi.json');
    expect(status).toBe(200);
    expect(problemsOfDocument(body)).toEqual([]);
    // The generator loses a null beside a reference; `orNull` is for that.
    const named = Object.entries(body.components.schemas as Json).filter(([, s]) =>
      [(s as Json).type].flat().includes('null'),
    );
    expect([named, JSON.stringify(body).match(/"allOf"/g)]).toEqual([[], null]);
  });

  it('has every operation by its id, with its scope, a summary and its problems', async () => {
    const world = await openWorld(open);
    const { body } = await world.ask('GET', '/openapi.json');
    const found = Object.entries(body.paths as Json).flatMap(([path, methods]) =>
      Object.entries(methods as Json).map(([method, o]: [string, Json]) => ({ path, method, ...o })),
    );
    expect(found.map((o) => o.operationId).sort()).toEqual([...operationIds].sort());
    for (const o of found) {
      const { scope } = operations[o.operationId as keyof typeof operations];
      expect(o.security, o.operationId).toEqual(scope === 'open' ? [] : [{ token: [scope] }]);
      expect(o.summary).toMatch(/\.$/);
      expect(o.responses.default.content['application/problem+json'].schema.$ref).toBe('#/components/schemas/Problem');
    }
    for (const { scope } of Object.values(operations)) expect(['open', ...scopes]).toContain(scope);
  });

  it('says of answers what they are: they obey the JSON schemas in it', async () => {
    const world = await openWorld(open);
    const { body: document } = await world.ask('GET', '/openapi.json');
    const run = await world.run(graphFrom('a, b after a', { pipeline: 'p' }));
    await world.work();
    for (const path of [
      '/health',
      '/status',
      '/pipelines',
      '/pipelines/p',
      '/pipelines/p/graph',
      '/pipelines/p/matrix',
      '/pipelines/p/plan',
      '/backfills',
      '/runs',
      `/runs/${run}`,
      `/runs/${run}/gantt`,
      `/runs/${run}/tasks`,
      `/runs/${run}/tasks/a`,
      `/runs/${run}/tasks/a/attempts`,
      `/runs/${run}/logs`,
      `/runs/${run}/logs/first-error`,
      '/events',
      '/pools',
      '/workers',
      '/tokens',
    ]) {
      const answered = await world.ask('GET', path);
      expect(answered.status, path).toBe(200);
      const id = operationAt('GET', `/api/v1${path}`)!;
      const schema =
        document.paths[`/api/v1${operations[id].path}`].get.responses['200'].content['application/json'].schema;
      const { error } = z.fromJSONSchema(inlined(schema, document.components.schemas)).safeParse(answered.body);
      expect(error === undefined ? '' : `${path}: ${z.prettifyError(error)}`).toBe('');
    }
    const refused = await world.ask('GET', '/nowhere');
    const problem = z.fromJSONSchema(inlined(document.components.schemas.Problem, document.components.schemas));
    expect(problem.safeParse(refused.body).success).toBe(true);
  });

  it('is caught being wrong', () => {
    const good = {
      openapi: '3.1.0',
      info: { title: 't', version: '1' },
      paths: {
        '/a/{x}': {
          get: {
            operationId: 'a',
            parameters: [{ name: 'x', in: 'path', required: true, schema: { type: 'string' } }],
            responses: {
              200: {
                description: 'ok',
                content: { 'application/json': { schema: { $ref: '#/components/schemas/A' } } },
              },
            },
          },
        },
      },
      components: { schemas: { A: { type: 'object', properties: { b: { type: ['string', 'null'] } } } } },
    };
    const broken = (change: (d: Json) => void): readonly string[] => {
      const copy = structuredClone(good);
      change(copy);
      return problemsOfDocument(copy);
    };
    expect(problemsOfDocument(good)).toEqual([]);
    expect(broken((d) => (d.openapi = '3.0.0'))).toHaveLength(1);
    expect(broken((d) => delete d.paths['/a/{x}'].get.operationId)).toHaveLength(1);
    expect(broken((d) => (d.paths['/a/{x}'].get.parameters = []))).toHaveLength(1);
    expect(broken((d) => (d.paths['/a/{x}'].get.parameters[0].required = false))).toHaveLength(1);
    expect(broken((d) => (d.paths['/b'] = d.paths['/a/{x}']))).toHaveLength(2);
    expect(broken((d) => delete d.components.schemas.A)).toHaveLength(1);
    expect(broken((d) => (d.components.schemas.A.properties.b.type = 'text'))).toHaveLength(1);
    expect(broken((d) => (d.components.schemas.A.nullable = true))).toHaveLength(1);
    expect(broken((d) => delete d.paths['/a/{x}'].get.responses['200'].description)).toHaveLength(1);
  });
});

/** A schema with what it refers to put in its place. */
function inlined(part: Json, schemas: Json): Json {
  if (Array.isArray(part)) return part.map((p) => inlined(p, schemas));
  if (typeof part !== 'object' || part === null) return part;
  if (typeof part.$ref === 'string') return inlined(schemas[part.$ref.split('/').at(-1)!], schemas);
  return Object.fromEntries(Object.entries(part).map(([key, value]) => [key, inlined(value, schemas)]));
}

const page = fileURLToPath(new URL('../../docs/api.md', import.meta.url));
const PLACE = /(?<=<!-- operations -->\n)[\s\S]*(?=<!-- \/operations -->)/;

it('docs/api.md has every operation, as the table has it', () => {
  const text = readFileSync(page, 'utf8');
  const wanted = text.replace(PLACE, `${operationsTable()}\n`);
  // Run with SPARKIFY_WRITE_DOCS=1 it writes the table instead of comparing it.
  if (process.env.SPARKIFY_WRITE_DOCS === '1') writeFileSync(page, wanted);
  expect(readFileSync(page, 'utf8')).toBe(wanted);
});

import { z } from 'zod';
import { problem } from './contract/common.ts';
import { contractOf } from './contract/contract.ts';
import type { App } from './frame/environment.ts';
import { API_BASE, type OperationId, operationIds, operations } from './operations.ts';

type Document = ReturnType<App['getOpenAPI31Document']>;

const problems = {
  description: 'What went wrong and what to do about it.',
  content: { 'application/problem+json': { schema: problem } },
};

/** The OpenAPI 3.1 document of the operations; written when it is asked for the first time. */
export function openApiDocument(app: App, version: string): () => Document {
  let written: Document | undefined;
  return () => {
    written ??= write(app, version);
    return written;
  };
}

function write(app: App, version: string): Document {
  const bearer = app.openAPIRegistry.registerComponent('securitySchemes', 'token', {
    type: 'http',
    scheme: 'bearer',
    description:
      'Asked for as soon as the server can be reached from other machines. Scopes: viewer, analyst, operator, admin.',
  });
  for (const id of operationIds) {
    const { method, path, scope, summary, kind } = operations[id];
    const { params, query, body, answer, status = 200 } = contractOf(id);
    app.openAPIRegistry.registerPath({
      method,
      path: `${API_BASE}${path}`,
      operationId: id,
      summary,
      tags: [path.split('/')[1]!],
      security: scope === 'open' ? [] : [{ [bearer.name]: [scope] }],
      request: {
        ...(params === undefined ? {} : { params }),
        ...(query === undefined ? {} : { query }),
        ...(kind === 'write' ? { headers: z.object({ 'idempotency-key': idempotencyHeader }) } : {}),
        ...(body === undefined
          ? {}
          : { body: { required: !body.safeParse({}).success, content: { 'application/json': { schema: body } } } }),
      },
      responses: {
        [status]: { description: summary, content: contentOf(id, answer) },
        ...(kind === 'read' ? { 304: { description: 'As the ETag in If-None-Match.' } } : {}),
        default: problems,
      },
    });
  }
  return app.getOpenAPI31Document({
    openapi: '3.1.0',
    info: {
      title: 'sparkify',
      version,
      description: 'Runs, tasks, cells, backfills, logs and events of a sparkify project. docs/api.md explains it.',
    },
    servers: [{ url: '/' }],
  });
}

const idempotencyHeader = z
  .string()
  .max(200)
  .optional()
  .meta({ description: 'The same key with the same request gives the same answer and changes nothing again.' });

function contentOf(id: OperationId, answer: z.ZodType) {
  switch (operations[id].kind) {
    case 'stream':
      // One message is what the schema says; the stream has any number of them.
      return { 'text/event-stream': { schema: answer } };
    case 'text':
      return { 'text/plain': { schema: z.string() } };
    default:
      return { 'application/json': { schema: answer } };
  }
}

import { OpenAPIHono } from '@hono/zod-openapi';
import type { Handlers } from './api.ts';
import { requireHost, requireOrigin, type Whence } from './frame/access.ts';
import type { App, AppContext, AppEnvironment } from './frame/environment.ts';
import type { Frame } from './frame/frame.ts';
import { securityHeaders } from './frame/headers.ts';
import { whoAsks } from './frame/login.ts';
import { isUnforeseen, problemOf } from './frame/problem.ts';
import { registerOperations } from './frame/register.ts';
import { methodsAt, routeUnknown } from './frame/routes.ts';
import { openApiDocument } from './openapi.ts';
import { API_BASE } from './operations.ts';

/**
 * The HTTP API: every request passes host, origin and login before anything else is looked at, unknown paths too. Then
 * its operation checks the scope and the fields, and does it.
 */
export function buildApp(frame: Frame, handlers: Handlers): App {
  const app: App = new OpenAPIHono<AppEnvironment>();
  app.use('*', async (c, next) => {
    const requestId = frame.newRequestId();
    c.set('requestId', requestId);
    c.set('address', c.env.incoming?.socket.remoteAddress ?? 'local');
    for (const [name, value] of Object.entries(securityHeaders)) c.header(name, value);
    c.header('x-request-id', requestId);
    const whence = whenceOf(c);
    requireHost(whence, frame.hosts);
    requireOrigin(whence);
    c.set(
      'principal',
      await whoAsks(frame.login, { authorization: c.req.header('authorization'), address: c.get('address') }),
    );
    await next();
  });
  registerOperations(app, frame, handlers);
  const document = openApiDocument(app, frame.version);
  app.get(`${API_BASE}/openapi.json`, (c) => c.json(document()));
  app.notFound((c) => answerProblem(c, frame, routeUnknown(c.req.method, c.req.path, methodsAt(c.req.path))));
  app.onError((error, c) => answerProblem(c, frame, error));
  return app;
}

function whenceOf(c: AppContext): Whence {
  return { method: c.req.method, urlHost: new URL(c.req.url).host, header: (name) => c.req.header(name) };
}

function answerProblem(c: AppContext, frame: Frame, error: unknown): Response {
  const requestId = c.get('requestId');
  if (isUnforeseen(error)) frame.report(error, requestId);
  const { status, headers, body } = problemOf(error, requestId, frame.redact);
  for (const [name, value] of Object.entries(headers)) c.header(name, value);
  c.header('content-type', 'application/problem+json');
  return c.body(JSON.stringify(body), status as 400);
}

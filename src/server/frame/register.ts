import { SparkifyError } from '../../core/errors.ts';
import type { Call, Handlers, StreamMessage } from '../api.ts';
import { contractOf } from '../contract/contract.ts';
import { type OperationId, operationIds, operations } from '../operations.ts';
import { performChange } from '../perform.ts';
import { requireScope } from '../tokens/scopes.ts';
import { readBody } from './body.ts';
import { withDeadline } from './deadline.ts';
import type { App, AppContext } from './environment.ts';
import { etagOf, hasAlready } from './etag.ts';
import type { Frame } from './frame.ts';
import { stillAllowed } from './login.ts';
import { parseCall } from './parse-call.ts';
import { isUnforeseen, problemOf } from './problem.ts';
import { routePath } from './routes.ts';
import { type SseMessage, sseBody } from './sse.ts';

/** A call whose operation is not known to the compiler; `parseCall` has made it fit. */
type AnyCall = Call<OperationId>;

/** Binds every operation of the table to its handler. */
export function registerOperations(app: App, frame: Frame, handlers: Handlers): void {
  for (const id of operationIds) {
    const { method, path, kind } = operations[id];
    app.on(method.toUpperCase(), routePath(path), (c) => {
      switch (kind) {
        case 'stream':
          return answerStream(
            c,
            frame,
            id,
            handlers[id] as (call: AnyCall) => AsyncIterable<StreamMessage<OperationId>>,
          );
        case 'text':
          return answerText(c, frame, id, handlers[id] as (call: AnyCall) => AsyncIterable<string>);
        default:
          return answerJson(c, frame, id, handlers[id] as (call: AnyCall) => Promise<unknown>);
      }
    });
  }
}

async function answerJson(
  c: AppContext,
  frame: Frame,
  id: OperationId,
  handler: (call: AnyCall) => Promise<unknown>,
): Promise<Response> {
  const { kind } = operations[id];
  return withDeadline(frame.timers, frame.requestTimeoutMs, c.req.raw.signal, async (signal) => {
    const call = await admit(c, frame, id, signal);
    if (kind !== 'write') return answerRead(c, JSON.stringify(await handler(call)), kind === 'read');
    const { answer, repeated } = await performChange(frame.store, {
      operation: id,
      call,
      idempotencyKey: idempotencyKey(c),
      work: (store) => handler({ ...call, store }),
    });
    if (repeated) c.header('idempotency-replayed', 'true');
    return answerRead(c, JSON.stringify(answer), false, statusOf(id));
  });
}

function answerRead(c: AppContext, body: string, tagged: boolean, status: 200 | 201 = 200): Response {
  if (tagged) {
    const etag = etagOf(body);
    c.header('etag', etag);
    if (hasAlready(c.req.header('if-none-match'), etag)) return c.body(null, 304);
  }
  c.header('content-type', 'application/json');
  return c.body(body, status);
}

async function answerStream(
  c: AppContext,
  frame: Frame,
  id: OperationId,
  handler: (call: AnyCall) => AsyncIterable<StreamMessage<OperationId>>,
): Promise<Response> {
  const call = await admit(c, frame, id, frame.stopped);
  c.header('content-type', 'text/event-stream');
  // Proxies such as nginx keep answers back otherwise.
  c.header('x-accel-buffering', 'no');
  if (c.req.method === 'HEAD') return c.body(null);
  const leave = frame.streams.enter(`${c.get('address')} ${call.by.name}`);
  const requestId = c.get('requestId');
  const lastEventId = c.req.header('last-event-id');
  const body = sseBody({
    messages: (signal) =>
      sseMessages(handler({ ...call, signal, ...(lastEventId === undefined ? {} : { lastEventId }) })),
    failed: (error) => {
      if (isUnforeseen(error)) frame.report(error, requestId);
      return { event: 'problem', data: JSON.stringify(problemOf(error, requestId, frame.redact).body) };
    },
    clock: frame.clock,
    timers: frame.timers,
    allowed: () => stillAllowed(frame.login, call.by),
    heartbeatMs: frame.heartbeatMs,
    stallMs: frame.stallMs,
    stopped: frame.stopped,
    ended: leave,
    drop: () => c.env.outgoing?.destroy(),
  });
  return c.body(body);
}

async function* sseMessages(messages: AsyncIterable<StreamMessage<OperationId>>): AsyncGenerator<SseMessage> {
  for await (const message of messages)
    yield 'data' in message ? { ...message, data: JSON.stringify(message.data) } : message;
}

async function answerText(
  c: AppContext,
  frame: Frame,
  id: OperationId,
  handler: (call: AnyCall) => AsyncIterable<string>,
): Promise<Response> {
  const call = await admit(c, frame, id, c.req.raw.signal);
  if (c.req.method === 'HEAD') return c.body(null, 200, { 'content-type': 'text/plain; charset=utf-8' });
  const pieces = handler(call)[Symbol.asyncIterator]();
  const encoder = new TextEncoder();
  // The first piece before the headers: what is refused is still answered as a problem.
  let next = await pieces.next();
  c.header('content-type', 'text/plain; charset=utf-8');
  c.header('content-disposition', `attachment; filename="run-${c.req.param('run')}.log"`);
  return c.body(
    new ReadableStream<Uint8Array>({
      pull: async (controller) => {
        try {
          if (next.done === true) return controller.close();
          controller.enqueue(encoder.encode(next.value));
          next = await pieces.next();
        } catch (error) {
          frame.report(error, c.get('requestId'));
          // A text that ends too early must not look whole.
          c.env.outgoing?.destroy();
          controller.close();
        }
      },
      cancel: async () => {
        await pieces.return?.(undefined);
      },
    }),
  );
}

/** Lets the asker in and reads what was asked. @throws LOGIN_REQUIRED, SCOPE_LACKING, REQUEST_INVALID, BODY_* */
async function admit(c: AppContext, frame: Frame, id: OperationId, signal: AbortSignal): Promise<AnyCall> {
  const { scope, method } = operations[id];
  const principal = c.get('principal');
  if (principal === undefined && scope !== 'open') throw new SparkifyError('LOGIN_REQUIRED', {});
  const by = principal ?? { name: 'nobody', scopes: [] };
  requireScope(by.scopes, scope);
  const parts = parseCall(contractOf(id), {
    params: c.req.param() as Record<string, string>,
    query: queryOf(c),
    body: method === 'get' ? {} : await readBody(c.req.raw, frame.bodyLimitBytes),
  });
  return { ...parts, by, store: frame.store, nowMs: frame.clock.nowMs(), signal } as AnyCall;
}

/** A parameter that comes twice stays two, so that it is refused instead of one of them being lost. */
function queryOf(c: AppContext): Readonly<Record<string, string | readonly string[]>> {
  return Object.fromEntries(
    Object.entries(c.req.queries()).map(([name, values]) => [name, values.length === 1 ? values[0]! : values]),
  );
}

function idempotencyKey(c: AppContext): string | undefined {
  const key = c.req.header('idempotency-key');
  if (key === undefined || /^[\x21-\x7e]{1,200}$/u.test(key)) return key;
  throw new SparkifyError('REQUEST_INVALID', {
    problems: ['the header idempotency-key takes 1 to 200 visible ASCII characters without spaces'],
  });
}

function statusOf(id: OperationId): 200 | 201 {
  return contractOf(id).status ?? 200;
}

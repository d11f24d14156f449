import type { Answer, Api, Call, CallInput, CallOptions, OperationOf, StreamMessage } from './api.ts';
import { inputsOf } from './contract/inputs.ts';
import type { Principal } from './frame/login.ts';
import { parseCall } from './frame/parse-call.ts';
import { createHandlers } from './handlers.ts';
import { type OperationId, operations } from './operations.ts';
import type { ServerParts } from './parts.ts';
import { performChange } from './perform.ts';

type AnyCall = Call<OperationId>;
type AnyHandler = (call: AnyCall) => unknown;

interface AnyInput {
  readonly params?: Readonly<Record<string, unknown>>;
  readonly query?: Readonly<Record<string, unknown>>;
  readonly body?: unknown;
}

/**
 * The API within this process, without HTTP: what a command uses when no `up` runs. Calls are checked and carried out as
 * they would be there.
 */
export function localApi(parts: ServerParts, by: Principal): Api {
  const handlers = createHandlers(parts, { instance: '', login: false });
  const { store, clock } = parts;
  const prepare = (id: OperationId, input: AnyInput = {}, signal = new AbortController().signal): AnyCall => {
    const texts = (values: Readonly<Record<string, unknown>> = {}): Record<string, string> =>
      Object.fromEntries(
        Object.entries(values)
          .filter(([, value]) => value !== undefined)
          .map(([name, value]) => [name, Array.isArray(value) ? value.join(',') : String(value)]),
      );
    const raw = { params: texts(input.params), query: texts(input.query), body: input.body ?? {} };
    return { ...parseCall(inputsOf(id), raw), by, store, nowMs: clock.nowMs(), signal } as AnyCall;
  };
  return {
    call: async <Id extends OperationOf<'read' | 'write' | 'act'>>(
      id: Id,
      input?: CallInput<Id>,
      { idempotencyKey, signal }: CallOptions = {},
    ): Promise<Answer<Id>> => {
      const call = prepare(id, input as AnyInput, signal);
      const handler = handlers[id as OperationId] as AnyHandler;
      if (operations[id].kind !== 'write') return (await handler(call)) as Answer<Id>;
      const { answer } = await performChange(store, {
        operation: id,
        call,
        idempotencyKey,
        work: async (inner) => handler({ ...call, store: inner }),
      });
      return answer as Answer<Id>;
    },
    stream: async function* (id, input, { signal }) {
      const stream = handlers[id] as unknown as (call: AnyCall) => AsyncIterable<StreamMessage<typeof id>>;
      for await (const message of stream(prepare(id, input as AnyInput, signal)))
        if ('data' in message && !('event' in message)) yield message.data;
    },
    text: (id, input, { signal } = {}) =>
      (handlers[id] as unknown as (call: AnyCall) => AsyncIterable<string>)(prepare(id, input as AnyInput, signal)),
  };
}

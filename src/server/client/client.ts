import { isSparkifyError, SparkifyError } from '../../core/errors.ts';
import type { Timers } from '../../core/timers.ts';
import type { LogItem } from '../../orchestrator/logs/log-line.ts';
import type { Answer, Api, CallInput, CallOptions, OperationOf } from '../api.ts';
import { errorOfProblem, type Problem } from '../frame/problem.ts';
import { API_BASE, type OperationId, operations } from '../operations.ts';
import { type Exchange, exchange, parseAnswer, textOf } from './exchange.ts';
import { sseMessages } from './sse-messages.ts';

export interface RemoteOptions {
  /** Such as `http://127.0.0.1:7380`. */
  readonly url: string;
  /** @default none: the server asks for none */
  readonly token?: string;
  readonly timers: Timers;
  /** For the beginning of an answer. @default 35 s, a little longer than the server allows itself */
  readonly timeoutMs?: number;
}

/** How often a broken stream is taken up again before that is given up, and after which pause. */
const RETRIES = 10;
const PAUSE_MS = 500;

/** Any input: the operation's types stand in `Api`. */
interface AnyInput {
  readonly params?: Readonly<Record<string, string | number>>;
  readonly query?: Readonly<Record<string, unknown>>;
  readonly body?: unknown;
}

/** The API of a server that runs elsewhere. */
export function remoteApi(options: RemoteOptions): Api {
  const { timeoutMs = 35_000 } = options;
  return {
    call: async <Id extends OperationOf<'read' | 'write' | 'act'>>(
      id: Id,
      input?: CallInput<Id>,
      callOptions?: CallOptions,
    ): Promise<Answer<Id>> => {
      const asked = { ...requestOf(options, id, input as AnyInput | undefined, callOptions), timeoutMs };
      return parseAnswer(asked, await textOf(asked, await exchange(asked))) as Answer<Id>;
    },
    stream: (id, input, { signal }) => follow(options, id, input as AnyInput, signal),
    text: async function* (id, input, callOptions) {
      const asked = { ...requestOf(options, id, input as AnyInput, callOptions), timeoutMs };
      const decoder = new TextDecoder();
      for await (const piece of (await exchange(asked)) as AsyncIterable<Buffer>)
        yield decoder.decode(piece, { stream: true });
    },
  };
}

function requestOf(
  { url: base, token }: RemoteOptions,
  id: OperationId,
  input: AnyInput = {},
  { idempotencyKey, signal }: CallOptions = {},
): Exchange {
  const { method, path } = operations[id];
  const filled = path.replaceAll(/\{(\w+)\}/gu, (_, name: string) =>
    encodeURIComponent(String(input.params?.[name] ?? '')),
  );
  const url = new URL(`${API_BASE}${filled}`, base);
  for (const [name, value] of Object.entries(input.query ?? {}))
    if (value !== undefined) url.searchParams.set(name, Array.isArray(value) ? value.join(',') : String(value));
  const body = method === 'get' ? undefined : JSON.stringify(input.body ?? {});
  return {
    method: method.toUpperCase(),
    url,
    headers: {
      accept: 'application/json',
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(idempotencyKey === undefined ? {} : { 'idempotency-key': idempotencyKey }),
    },
    ...(body === undefined ? {} : { body }),
    ...(signal === undefined ? {} : { signal }),
  };
}

/**
 * A stream, taken up again where it broke: events by their number, log lines by leaving out what came already. Every
 * message that arrives renews the patience.
 */
async function* follow<Id extends OperationOf<'stream'>>(
  options: RemoteOptions,
  id: Id,
  input: AnyInput,
  signal: AbortSignal,
): AsyncGenerator<Answer<Id>, void, undefined> {
  const place = new Place();
  for (let failures = 0; !signal.aborted; ) {
    try {
      const asked = requestOf(options, id, input, { signal });
      const headers = { ...asked.headers, accept: 'text/event-stream', ...place.headers() };
      for await (const message of sseMessages((await exchange({ ...asked, headers })) as AsyncIterable<Buffer>)) {
        failures = 0;
        if (message.event === 'end') return;
        if (message.event === 'problem') throw problemError(asked, message.data);
        place.note(message.id);
        if (message.event !== undefined || message.data === '') continue;
        const data = parseAnswer(asked, message.data);
        if (place.isNew(data)) yield data as Answer<Id>;
      }
    } catch (error) {
      if (signal.aborted) return;
      const broken = !isSparkifyError(error) || error.code === 'SERVER_UNREACHABLE';
      if (!broken || ++failures > RETRIES) throw error;
    }
    await pause(options.timers, signal);
  }
}

/** How far a reader of a stream has come. */
class Place {
  #id: string | undefined;
  /** Last line of each attempt. */
  readonly #lines = new Map<string, number>();

  headers(): Readonly<Record<string, string>> {
    return this.#id === undefined ? {} : { 'last-event-id': this.#id };
  }

  note(id: string | undefined): void {
    this.#id = id ?? this.#id;
  }

  isNew(data: unknown): boolean {
    const item = data as Partial<LogItem>;
    if (item.kind !== 'line') return true;
    const attempt = JSON.stringify([item.task, item.mapIndex, item.attempt]);
    if (item.line! <= (this.#lines.get(attempt) ?? 0)) return false;
    this.#lines.set(attempt, item.line!);
    return true;
  }
}

function problemError({ url }: Exchange, data: string): SparkifyError {
  const known = errorOfProblem(JSON.parse(data) as Problem);
  return known ?? new SparkifyError('SERVER_ANSWER', { address: url.origin, detail: 'its problem is not known here' });
}

function pause(timers: Timers, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      stop();
      signal.removeEventListener('abort', done);
      resolve();
    };
    const stop = timers.later(PAUSE_MS, done);
    signal.addEventListener('abort', done);
    if (signal.aborted) done();
  });
}

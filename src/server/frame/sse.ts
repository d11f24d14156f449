import type { Clock } from '../../core/clock.ts';
import type { Timers } from '../../core/timers.ts';

/** One message of a stream of server-sent events. */
export interface SseMessage {
  /** Comes back as Last-Event-ID when the connection broke. */
  readonly id?: string;
  /** Not said: a plain message. */
  readonly event?: string;
  /** JSON; without it only the id moves on, and no message is seen. */
  readonly data?: string;
}

export interface SseOptions {
  /** Gives the messages; ended through the signal. */
  readonly messages: (signal: AbortSignal) => AsyncIterable<SseMessage>;
  /** After a failure in the middle: its last message. */
  readonly failed: (error: unknown) => SseMessage;
  readonly clock: Clock;
  readonly timers: Timers;
  /** Whether the reader may still read; asked once a heartbeat, because a token may be revoked meanwhile. */
  readonly allowed: () => Promise<boolean>;
  /** A comment that often, so that a proxy does not take silence for death. */
  readonly heartbeatMs: number;
  /** A client that takes nothing for so long is cut off. */
  readonly stallMs: number;
  /** Aborted when the server stops. */
  readonly stopped: AbortSignal;
  /** Called once, however it ends. */
  readonly ended: () => void;
  /** Drops the connection of a client that takes nothing. */
  readonly drop: () => void;
}

type Pull = { readonly text: string; readonly kind: 'message' | 'heartbeat' | 'last' };

const encoder = new TextEncoder();
const HEARTBEAT = ': still here\n\n';
/** How long a client waits before it comes again. */
const OPENING = 'retry: 2000\n\n';

/**
 * The body of a stream: open → (the messages end, the client leaves, the server stops, nothing is taken for `stallMs`) →
 * ended. A message is only fetched when the client has taken the one before it: a slow client holds up itself, and
 * nothing gathers here.
 */
export function sseBody(options: SseOptions): ReadableStream<Uint8Array> {
  const ending = new AbortController();
  const messages = options.messages(ending.signal)[Symbol.asyncIterator]();
  let pending: Promise<IteratorResult<SseMessage>> | undefined;
  let stopStall = (): void => {};
  let allowedAtMs = options.clock.nowMs();
  const end = (): void => {
    if (ending.signal.aborted) return;
    ending.abort();
    stopStall();
    options.stopped.removeEventListener('abort', end);
    void messages.return?.(undefined);
    options.ended();
  };
  options.stopped.addEventListener('abort', end);
  if (options.stopped.aborted) end();
  const watchStall = (): void => {
    stopStall = options.timers.later(options.stallMs, () => {
      end();
      options.drop();
    });
  };

  return new ReadableStream<Uint8Array>(
    {
      start: (controller) => {
        controller.enqueue(encoder.encode(OPENING));
        // It may never be read at all.
        if (!ending.signal.aborted) watchStall();
      },
      pull: async (controller) => {
        stopStall();
        if (ending.signal.aborted) return controller.close();
        pending ??= messages.next();
        const { text, kind } = await nextPull(pending, options);
        if (kind !== 'heartbeat') pending = undefined;
        if (options.clock.nowMs() - allowedAtMs >= options.heartbeatMs) {
          allowedAtMs = options.clock.nowMs();
          if (!(await options.allowed().catch(() => true))) {
            end();
            return controller.close();
          }
        }
        if (text !== '') controller.enqueue(encoder.encode(text));
        if (kind === 'last' || ending.signal.aborted) {
          end();
          return controller.close();
        }
        watchStall();
      },
      cancel: end,
    },
    { highWaterMark: 1 },
  );
}

/** The next message, or a heartbeat when none comes in time. */
async function nextPull(pending: Promise<IteratorResult<SseMessage>>, options: SseOptions): Promise<Pull> {
  let stop = (): void => {};
  const beat = new Promise<undefined>((resolve) => {
    stop = options.timers.later(options.heartbeatMs, () => resolve(undefined));
  });
  try {
    const next = await Promise.race([pending, beat]);
    if (next === undefined) return { text: HEARTBEAT, kind: 'heartbeat' };
    return next.done === true ? { text: '', kind: 'last' } : { text: sseText(next.value), kind: 'message' };
  } catch (error) {
    return { text: sseText(options.failed(error)), kind: 'last' };
  } finally {
    stop();
  }
}

function sseText({ id, event, data }: SseMessage): string {
  const lines = [
    ...(event === undefined ? [] : [`event: ${event}`]),
    ...(id === undefined ? [] : [`id: ${id}`]),
    ...(data === undefined ? [] : data.split('\n').map((line) => `data: ${line}`)),
  ];
  return `${lines.join('\n')}\n\n`;
}

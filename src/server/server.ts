import { createRedactor } from '../orchestrator/logs/redact.ts';
import { buildApp } from './app.ts';
import { localNames } from './frame/access.ts';
import type { App } from './frame/environment.ts';
import { FailureLimit } from './frame/failure-limit.ts';
import type { Frame } from './frame/frame.ts';
import { StreamLimit, type StreamLimits } from './frame/stream-limit.ts';
import { createHandlers } from './handlers.ts';
import type { ServerParts } from './parts.ts';
import { instanceOf } from './tokens/instance.ts';
import { tokenHash } from './tokens/token-text.ts';

export interface ServerOptions {
  /** Names that it answers to besides those of this machine; with one of them everybody needs a token. @default [] */
  readonly hosts?: readonly string[];
  /** Whether nobody is let in without a token. @default whether there are `hosts` */
  readonly loginRequired?: boolean;
  /** The token of `.sparkify/up.json`; it may do everything. @default none */
  readonly localToken?: string;
  /** Values that must not be told, such as the project's passwords. @default [] */
  readonly secrets?: readonly string[];
  /** @default 1 MB */
  readonly bodyLimitBytes?: number;
  /** @default 30 s */
  readonly requestTimeoutMs?: number;
  /** @default 15 s */
  readonly heartbeatMs?: number;
  /** A reader of a stream that takes nothing for so long is cut off. @default 60 s */
  readonly stallMs?: number;
  /** @default 16 of one client, 500 in all */
  readonly streams?: StreamLimits;
  /** Takes errors that nobody foresaw. */
  readonly report: (error: unknown, requestId: string) => void;
}

const DEFAULTS = {
  hosts: [],
  secrets: [],
  bodyLimitBytes: 1_000_000,
  requestTimeoutMs: 30_000,
  heartbeatMs: 15_000,
  stallMs: 60_000,
  streams: { perClient: 16, all: 500 },
} as const satisfies Partial<ServerOptions>;

export interface Server {
  readonly app: App;
  readonly loginRequired: boolean;
  readonly openStreams: () => number;
  /** Ends the streams; requests under way go on. */
  stop(): void;
}

/** The HTTP API over a store, not listening anywhere yet (`listen.ts`). */
export function createServer(parts: ServerParts, options: ServerOptions): Server {
  const { hosts, secrets, streams, ...rest } = { ...DEFAULTS, ...options };
  const loginRequired = options.loginRequired ?? hosts.length > 0;
  const localTokenHash = options.localToken === undefined ? undefined : tokenHash(options.localToken);
  const stopping = new AbortController();
  const limit = new StreamLimit(streams);
  const { store, clock, timers, random } = parts;
  const frame: Frame = {
    ...rest,
    store,
    clock,
    timers,
    version: parts.process.version,
    hosts: new Set([...localNames, ...hosts.map((name) => name.toLowerCase())]),
    login: { store, clock, limit: new FailureLimit(clock), required: loginRequired, localTokenHash },
    redact: createRedactor(secrets),
    streams: limit,
    stopped: stopping.signal,
    newRequestId: () => random(8).toString('hex'),
  };
  const instance = instanceOf(options.localToken ?? random(16).toString('hex'));
  return {
    app: buildApp(frame, createHandlers(parts, { instance, login: loginRequired })),
    loginRequired,
    openStreams: () => limit.open,
    stop: () => stopping.abort(),
  };
}

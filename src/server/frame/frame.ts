import type { Clock } from '../../core/clock.ts';
import type { Timers } from '../../core/timers.ts';
import type { Redact } from '../../orchestrator/logs/redact.ts';
import type { Store } from '../../orchestrator/store/store.ts';
import type { LoginOptions } from './login.ts';
import type { StreamLimit } from './stream-limit.ts';

/** What stands around every operation. */
export interface Frame {
  readonly store: Store;
  readonly clock: Clock;
  readonly timers: Timers;
  /** Of the package, for the document. */
  readonly version: string;
  /** Names this server answers to, in small letters. */
  readonly hosts: ReadonlySet<string>;
  readonly login: LoginOptions;
  readonly redact: Redact;
  readonly streams: StreamLimit;
  readonly bodyLimitBytes: number;
  readonly requestTimeoutMs: number;
  readonly heartbeatMs: number;
  readonly stallMs: number;
  /** Aborted when the server stops. */
  readonly stopped: AbortSignal;
  readonly newRequestId: () => string;
  /** Takes what nobody foresaw, for the log. */
  readonly report: (error: unknown, requestId: string) => void;
}

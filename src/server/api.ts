import type { z } from 'zod';
import type { Store } from '../orchestrator/store/store.ts';
import type { contract } from './contract/contract.ts';
import type { Principal } from './frame/login.ts';
import type { OperationId, operations } from './operations.ts';

type Contract<Id extends OperationId> = (typeof contract)[Id];

/** Everything below it is read-only, as handlers build it. */
type Frozen<T> = T extends object ? { readonly [K in keyof T]: Frozen<T[K]> } : T;

/** The kind of operations whose name is one of these. */
export type OperationOf<Kind extends string> = {
  [Id in OperationId]: (typeof operations)[Id]['kind'] extends Kind ? Id : never;
}[OperationId];

type Part<Id extends OperationId, Name extends 'params' | 'query' | 'body'> =
  Contract<Id> extends Readonly<Record<Name, infer S extends z.ZodType>> ? z.output<S> : Readonly<Record<never, never>>;

/** What an operation answers; of a stream one message, of a text its pieces. */
export type Answer<Id extends OperationId> = Frozen<z.output<Contract<Id>['answer']>>;

/** One call as its handler sees it: parsed, and let in. */
export interface Call<Id extends OperationId> {
  readonly params: Frozen<Part<Id, 'params'>>;
  readonly query: Frozen<Part<Id, 'query'>>;
  readonly body: Frozen<Part<Id, 'body'>>;
  readonly by: Principal;
  /** Of a write: within the one transaction of this call. Handlers use no other. */
  readonly store: Store;
  readonly nowMs: number;
  /** Aborted when nobody waits for the answer any more. */
  readonly signal: AbortSignal;
  /** Last-Event-ID of a stream. */
  readonly lastEventId?: string;
}

/** A message of a stream; `id` is what the reader may carry on from. */
export type StreamMessage<Id extends OperationId> =
  | { readonly id?: string; readonly data: Answer<Id> }
  /** Nothing for the reader, but further on. */
  | { readonly id: string }
  /** Something about the stream itself, such as a gap in it. */
  | { readonly event: string; readonly data: Readonly<Record<string, unknown>> };

export type Handler<Id extends OperationId> = (typeof operations)[Id]['kind'] extends 'stream'
  ? (call: Call<Id>) => AsyncIterable<StreamMessage<Id>>
  : (typeof operations)[Id]['kind'] extends 'text'
    ? (call: Call<Id>) => AsyncIterable<string>
    : (call: Call<Id>) => Promise<Answer<Id>>;

export type Handlers = { readonly [Id in OperationId]: Handler<Id> };

type Given<T> = keyof T extends never ? undefined : { readonly [K in keyof T]?: T[K] | undefined };

/** What a caller gives: parameters of the path, of the query, and the body, where the operation has them. */
export interface CallInput<Id extends OperationId> {
  readonly params?: Frozen<Part<Id, 'params'>>;
  readonly query?: Given<Frozen<Part<Id, 'query'>>>;
  readonly body?: Contract<Id> extends Readonly<Record<'body', infer S extends z.ZodType>>
    ? Frozen<z.input<S>>
    : undefined;
}

export interface CallOptions {
  /** So that a change is made once, however often it is asked for. */
  readonly idempotencyKey?: string;
  readonly signal?: AbortSignal;
}

/** The API as a program calls it: over HTTP (`client.ts`), or in this process (`local.ts`). Errors are SparkifyErrors. */
export interface Api {
  call<Id extends OperationOf<'read' | 'write' | 'act'>>(
    id: Id,
    input?: CallInput<Id>,
    options?: CallOptions,
  ): Promise<Answer<Id>>;
  /** Until the signal is aborted or the stream has ended; broken connections are taken up again where they broke. */
  stream<Id extends OperationOf<'stream'>>(
    id: Id,
    input: CallInput<Id>,
    options: { readonly signal: AbortSignal },
  ): AsyncIterable<Answer<Id>>;
  text<Id extends OperationOf<'text'>>(id: Id, input: CallInput<Id>, options?: CallOptions): AsyncIterable<string>;
}

import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type Dispatcher, Pool } from 'undici';
import { encodePath } from '../uri.ts';
import { S3Refusal } from './failure.ts';
import type { Timing } from './retry.ts';
import type { ResolvedS3Settings } from './settings.ts';
import { createSigner, type S3Credentials, type Sign } from './signing.ts';

export interface S3HttpOptions {
  readonly protocol: string;
  readonly host: string;
  readonly path: string;
  readonly region: string;
  readonly settings: ResolvedS3Settings;
  readonly timing: Timing;
  /** Undefined: unsigned requests. */
  readonly credentials: (() => Promise<S3Credentials>) | undefined;
}

/** A file as the body of a request, of which hash and size are known. */
export interface FileBody {
  readonly path: string;
  readonly sizeBytes: number;
  /** Hex. */
  readonly sha256: string;
}

export interface ObjectRequest {
  readonly method: 'GET' | 'HEAD' | 'PUT' | 'DELETE';
  readonly key: string;
  readonly versionId?: string | undefined;
  /** With its quotes. */
  readonly ifMatch?: string | undefined;
  /** Only if there is no such object. */
  readonly ifAbsent?: boolean;
  readonly body?: Uint8Array | FileBody;
  readonly signal?: AbortSignal | undefined;
}

export interface ObjectResponse {
  readonly etag: string | undefined;
  readonly versionId: string | undefined;
  /** As the header says; undefined where there is none. */
  readonly contentLength: number | undefined;
  readonly body: Buffer;
}

/** Credentials are asked for again this often, and when they end within the margin. */
const REFRESH_MS = 60_000;
const EXPIRY_MARGIN_MS = 300_000;

/** Signed requests for single objects over keep-alive connections. Failures are S3Refusal or those of the socket. */
export class S3Http {
  readonly #options: S3HttpOptions;
  readonly #pool: Pool;
  readonly #sign: Sign;
  readonly #bySignal = new WeakMap<AbortSignal, UnderWay>();
  #current: S3Credentials | undefined;
  #askedAtMs = 0;
  /** What the server's clock is ahead of ours, learnt from its refusal. */
  #skewMs = 0;

  constructor(options: S3HttpOptions) {
    this.#options = options;
    this.#sign = createSigner(options.host, options.region);
    const { connections, timeoutMs } = options.settings;
    this.#pool = new Pool(`${options.protocol}//${options.host}`, {
      connections,
      pipelining: 1,
      connectTimeout: Math.min(10_000, timeoutMs),
      headersTimeout: timeoutMs,
      bodyTimeout: timeoutMs,
      keepAliveTimeout: 15_000,
    });
  }

  /** One request, its body in memory. */
  async send(request: ObjectRequest): Promise<ObjectResponse> {
    const prepared = this.#prepare(request, this.#freshCredentials() ?? (await this.#askCredentials()));
    const underWay = request.signal === undefined ? undefined : this.#underWay(request.signal);
    return new Promise((resolve, reject) => {
      this.#pool.dispatch(prepared, new Collector(underWay, resolve, (e) => reject(this.#learn(e))));
    });
  }

  /** A GET whose body is handed on as a stream. */
  async stream(
    request: ObjectRequest,
  ): Promise<Omit<ObjectResponse, 'body'> & { readonly body: Dispatcher.ResponseData['body'] }> {
    const prepared = this.#prepare(request, this.#freshCredentials() ?? (await this.#askCredentials()));
    const response = await this.#pool.request({
      ...prepared,
      ...(request.signal === undefined ? {} : { signal: request.signal }),
    });
    if (response.statusCode !== 200) {
      const text = await response.body.text();
      throw this.#learn(refusal(response.statusCode, text, String(response.headers.date ?? '')));
    }
    return { ...readHeaders(response.headers), body: response.body };
  }

  async close(): Promise<void> {
    await this.#pool.destroy();
  }

  #prepare(request: ObjectRequest, credentials: S3Credentials | 'anonymous'): Dispatcher.DispatchOptions {
    const { host, timing } = this.#options;
    const path = `${this.#options.path}/${encodePath(request.key)}`;
    const query = request.versionId === undefined ? '' : `versionId=${encodeURIComponent(request.versionId)}`;
    const { method, body, ifMatch } = request;
    const hash = body === undefined ? {} : { bodySha256: sha256Of(body) };
    const headers =
      credentials === 'anonymous'
        ? ['host', host]
        : this.#sign({ method, path, query, ...hash }, credentials, timing.nowMs() + this.#skewMs);
    if (ifMatch !== undefined) headers.push('if-match', ifMatch);
    if (request.ifAbsent === true) headers.push('if-none-match', '*');
    const prepared = { path: query === '' ? path : `${path}?${query}`, method, headers };
    if (body === undefined || body instanceof Uint8Array)
      return { ...prepared, ...(body === undefined ? {} : { body }) };
    headers.push('content-length', String(body.sizeBytes));
    return { ...prepared, body: createReadStream(body.path) };
  }

  /** What is at hand and still good: the usual case, which waits for nothing. */
  #freshCredentials(): S3Credentials | 'anonymous' | undefined {
    if (this.#options.credentials === undefined) return 'anonymous';
    const nowMs = this.#options.timing.nowMs();
    if (this.#current === undefined || nowMs - this.#askedAtMs > REFRESH_MS) return undefined;
    const { expiration } = this.#current;
    return expiration !== undefined && expiration.getTime() - nowMs < EXPIRY_MARGIN_MS ? undefined : this.#current;
  }

  async #askCredentials(): Promise<S3Credentials | 'anonymous'> {
    if (this.#options.credentials === undefined) return 'anonymous';
    this.#current = await this.#options.credentials();
    this.#askedAtMs = this.#options.timing.nowMs();
    return this.#current;
  }

  /** The requests that end when the signal does: one listener for all of them, which is a quarter of the time of each. */
  #underWay(signal: AbortSignal): UnderWay {
    let requests = this.#bySignal.get(signal);
    if (requests === undefined) {
      const all: UnderWay = { signal, controllers: new Set() };
      signal.addEventListener('abort', () => abortAll(all), { once: true });
      this.#bySignal.set(signal, all);
      requests = all;
    }
    return requests;
  }

  #learn(error: Error): Error {
    if (error.name === 'RequestTimeTooSkewed' && error instanceof DatedRefusal) {
      const serverMs = Date.parse(error.date);
      if (!Number.isNaN(serverMs)) this.#skewMs = serverMs - this.#options.timing.nowMs();
    }
    return error;
  }
}

class DatedRefusal extends S3Refusal {
  readonly date: string;

  constructor(status: number, code: string, message: string, date: string) {
    super(status, code, message);
    this.date = date;
  }
}

interface UnderWay {
  readonly signal: AbortSignal;
  readonly controllers: Set<Dispatcher.DispatchController>;
}

function abortAll({ controllers }: UnderWay): void {
  for (const controller of [...controllers]) controller.abort(abortError());
}

/** Gathers one answer. Idle → headers → chunks → settled; anything after being settled is ignored. */
class Collector implements Dispatcher.DispatchHandler {
  readonly #underWay: UnderWay | undefined;
  readonly #resolve: (response: ObjectResponse) => void;
  readonly #reject: (error: Error) => void;
  #status = 0;
  #headers: Record<string, string | string[] | undefined> = {};
  #chunks: Buffer[] = [];

  constructor(
    underWay: UnderWay | undefined,
    resolve: (response: ObjectResponse) => void,
    reject: (error: Error) => void,
  ) {
    this.#underWay = underWay;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    if (this.#underWay?.signal.aborted) controller.abort(abortError());
    else this.#underWay?.controllers.add(controller);
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: Record<string, string | string[] | undefined>,
  ): void {
    this.#status = status;
    this.#headers = headers;
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#chunks.push(chunk);
  }

  onResponseEnd(controller: Dispatcher.DispatchController): void {
    this.#underWay?.controllers.delete(controller);
    const body = this.#chunks.length === 1 ? this.#chunks[0]! : Buffer.concat(this.#chunks);
    if (this.#status >= 200 && this.#status < 300) this.#resolve({ ...readHeaders(this.#headers), body });
    else this.#reject(refusal(this.#status, body.toString('utf8'), String(this.#headers.date ?? '')));
  }

  onResponseError(controller: Dispatcher.DispatchController, error: Error): void {
    this.#underWay?.controllers.delete(controller);
    this.#reject(error);
  }
}

function sha256Of(body: Uint8Array | FileBody): string {
  return body instanceof Uint8Array ? createHash('sha256').update(body).digest('hex') : body.sha256;
}

function abortError(): Error {
  return new DOMException('The request was aborted', 'AbortError');
}

function readHeaders(headers: Record<string, string | string[] | undefined>): Omit<ObjectResponse, 'body'> {
  const one = (name: string): string | undefined => {
    const value = headers[name];
    return Array.isArray(value) ? value[0] : value;
  };
  const length = one('content-length');
  return {
    etag: quotedEtag(one('etag')),
    versionId: one('x-amz-version-id'),
    contentLength: length === undefined ? undefined : Number(length),
  };
}

/** Some servers leave the quotes out; here an ETag always has them. */
export function quotedEtag(etag: string | undefined): string | undefined {
  return etag === undefined || etag === '' || etag.endsWith('"') ? etag : `"${etag}"`;
}

const STATUS_CODES: Readonly<Record<number, string>> = {
  301: 'PermanentRedirect',
  403: 'AccessDenied',
  404: 'NoSuchKey',
  412: 'PreconditionFailed',
  429: 'TooManyRequests',
  503: 'SlowDown',
};

/** An answer to HEAD has no body, so its status has to say what it means. */
function refusal(status: number, body: string, date: string): DatedRefusal {
  const pick = (tag: string): string | undefined => new RegExp(`<${tag}>([^<]*)</${tag}>`).exec(body)?.[1];
  const code = pick('Code') ?? STATUS_CODES[status] ?? `HTTP ${status}`;
  return new DatedRefusal(status, code, pick('Message') ?? '', date);
}

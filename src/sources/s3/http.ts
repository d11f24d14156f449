import { createHash } from 'node:crypto';
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

export interface ObjectRequest {
  readonly method: 'GET' | 'HEAD' | 'PUT';
  readonly key: string;
  readonly versionId?: string | undefined;
  /** With its quotes. */
  readonly ifMatch?: string | undefined;
  readonly body?: Uint8Array;
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
    const prepared = await this.#prepare(request);
    return new Promise((resolve, reject) => {
      this.#pool.dispatch(prepared, new Collector(request, resolve, (e) => reject(this.#learn(e))));
    });
  }

  /** A GET whose body is handed on as a stream. */
  async stream(
    request: ObjectRequest,
  ): Promise<Omit<ObjectResponse, 'body'> & { readonly body: Dispatcher.ResponseData['body'] }> {
    const prepared = await this.#prepare(request);
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

  async #prepare(request: ObjectRequest): Promise<Dispatcher.DispatchOptions> {
    const path = `${this.#options.path}/${encodePath(request.key)}`;
    const query = request.versionId === undefined ? '' : `versionId=${encodeURIComponent(request.versionId)}`;
    const headers = await this.#headers(request, path, query);
    if (request.ifMatch !== undefined) headers.push('if-match', request.ifMatch);
    return {
      path: query === '' ? path : `${path}?${query}`,
      method: request.method,
      headers,
      ...(request.body === undefined ? {} : { body: request.body }),
    };
  }

  async #headers(request: ObjectRequest, path: string, query: string): Promise<string[]> {
    const { credentials, timing, host } = this.#options;
    if (credentials === undefined) return ['host', host];
    const nowMs = timing.nowMs();
    const endsMs = this.#current?.expiration?.getTime() ?? Number.POSITIVE_INFINITY;
    if (this.#current === undefined || nowMs - this.#askedAtMs > REFRESH_MS || endsMs - nowMs < EXPIRY_MARGIN_MS) {
      this.#current = await credentials();
      this.#askedAtMs = nowMs;
    }
    const hash =
      request.body === undefined ? {} : { bodySha256: createHash('sha256').update(request.body).digest('hex') };
    return this.#sign({ method: request.method, path, query, ...hash }, this.#current, nowMs + this.#skewMs);
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

/** Gathers one answer. Idle → headers → chunks → settled; anything after being settled is ignored. */
class Collector implements Dispatcher.DispatchHandler {
  readonly #request: ObjectRequest;
  readonly #resolve: (response: ObjectResponse) => void;
  readonly #reject: (error: Error) => void;
  #abort: (() => void) | undefined;
  #status = 0;
  #headers: Record<string, string | string[] | undefined> = {};
  #chunks: Buffer[] = [];

  constructor(request: ObjectRequest, resolve: (r: ObjectResponse) => void, reject: (e: Error) => void) {
    this.#request = request;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    const { signal } = this.#request;
    if (signal === undefined) return;
    if (signal.aborted) controller.abort(abortError());
    else {
      this.#abort = () => controller.abort(abortError());
      signal.addEventListener('abort', this.#abort, { once: true });
    }
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

  onResponseEnd(): void {
    this.#forget();
    const body = this.#chunks.length === 1 ? this.#chunks[0]! : Buffer.concat(this.#chunks);
    if (this.#status === 200) this.#resolve({ ...readHeaders(this.#headers), body });
    else this.#reject(refusal(this.#status, body.toString('utf8'), String(this.#headers.date ?? '')));
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.#forget();
    this.#reject(error);
  }

  #forget(): void {
    if (this.#abort !== undefined) this.#request.signal?.removeEventListener('abort', this.#abort);
  }
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

import { createServer as createHttpServer, type Server as HttpServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { getRequestListener } from '@hono/node-server';
import { errorText, SparkifyError } from '../core/errors.ts';
import { isLoopback } from './frame/access.ts';
import { securityHeaders } from './frame/headers.ts';
import type { ServerParts } from './parts.ts';
import { createServer, type Server, type ServerOptions } from './server.ts';
import { hasTokens } from './tokens/tokens.ts';

/** Where `up` listens when nobody says otherwise. */
export const DEFAULT_PORT = 7380;

export interface ListenOptions extends Omit<ServerOptions, 'loginRequired'> {
  /** @default '127.0.0.1' */
  readonly host?: string;
  /** 0: any that is free. @default DEFAULT_PORT */
  readonly port?: number;
  /** How long a client may take to send its headers, and its whole request. @default 10 s, 30 s */
  readonly receiveMs?: { readonly headers: number; readonly request: number };
}

export interface Listening {
  readonly server: Server;
  readonly host: string;
  readonly port: number;
  /** As a person or client on this machine would write it. */
  readonly url: string;
  /** Takes no new request, ends the streams, and lets what is under way finish for so long. */
  close(options: { readonly graceMs: number }): Promise<void>;
}

/**
 * Answers requests at an address. Beyond this machine everybody needs a token, and without one in the store it does not
 * begin. There is no TLS: that is the business of a proxy in front.
 * @throws PORT_TAKEN, LISTEN_FAILED, TOKEN_MISSING
 */
export async function listen(parts: ServerParts, options: ListenOptions): Promise<Listening> {
  const {
    host = '127.0.0.1',
    port = DEFAULT_PORT,
    receiveMs = { headers: 10_000, request: 30_000 },
    ...rest
  } = options;
  const beyond = !isLoopback(host);
  const loginRequired = beyond || (rest.hosts ?? []).length > 0;
  if (loginRequired && !(await hasTokens(parts.store)))
    throw new SparkifyError('TOKEN_MISSING', { host: beyond ? host : rest.hosts!.join(', ') });
  const hosts = [...(rest.hosts ?? []), ...(beyond && !isWildcard(host) ? [bracketed(host)] : [])];
  const server = createServer(parts, { ...rest, hosts, loginRequired });
  const http = createHttpServer(
    {
      headersTimeout: receiveMs.headers,
      requestTimeout: receiveMs.request,
      connectionsCheckingInterval: Math.min(1000, receiveMs.headers),
      keepAliveTimeout: 60_000,
      maxHeaderSize: 16_384,
    },
    // The globals stay as they are: others in this process use them too.
    getRequestListener(server.app.fetch, { overrideGlobalObjects: false, errorHandler: badRequest }),
  );
  http.maxConnections = 2000;
  const answering = new Set<ServerResponse>();
  http.on('request', (_, answer) => {
    answering.add(answer);
    answer.on('close', () => answering.delete(answer));
  });
  await bind(http, host, port);
  const bound = (http.address() as AddressInfo).port;
  const shownHost = isWildcard(host) ? '127.0.0.1' : bracketed(host);
  return {
    server,
    host,
    port: bound,
    url: `http://${shownHost}:${bound}`,
    close: ({ graceMs }) =>
      new Promise((resolve) => {
        server.stop();
        const stop = parts.timers.later(graceMs, () => http.closeAllConnections());
        // A connection that is still answering has no more to answer afterwards.
        http.on('request', (_, answer) => answer.setHeader('connection', 'close'));
        for (const answer of answering) answer.on('close', () => setImmediate(() => http.closeIdleConnections()));
        http.close(() => {
          stop();
          resolve();
        });
        http.closeIdleConnections();
      }),
  };
}

function bind(http: HttpServer, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    http.once('error', (cause: NodeJS.ErrnoException) =>
      reject(
        cause.code === 'EADDRINUSE'
          ? new SparkifyError('PORT_TAKEN', { host, port }, { cause })
          : new SparkifyError('LISTEN_FAILED', { host, port, detail: errorText(cause) }, { cause }),
      ),
    );
    http.listen(port, host.replaceAll(/^\[|\]$/gu, ''), () => {
      http.removeAllListeners('error');
      resolve();
    });
  });
}

/** A request that is none by the rules of HTTP and never reaches the app. */
function badRequest(): Response {
  return new Response(null, { status: 400, headers: { ...securityHeaders, connection: 'close' } });
}

function isWildcard(host: string): boolean {
  return host === '0.0.0.0' || host === '::' || host === '[::]' || host === '';
}

function bracketed(host: string): string {
  return host.includes(':') && !host.startsWith('[') ? `[${host}]` : host;
}

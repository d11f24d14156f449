import type { IncomingMessage } from 'node:http';
import { errorText, SparkifyError } from '../../core/errors.ts';
import { errorOfProblem, type Problem } from '../frame/problem.ts';

export interface Exchange {
  readonly method: string;
  /** Whole. */
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly signal?: AbortSignal;
  /** For the beginning of the answer. @default as long as it takes */
  readonly timeoutMs?: number;
}

/**
 * One request, given back when its answer begins; what is no success is thrown as the error the server had.
 * @throws SERVER_UNREACHABLE, SERVER_ANSWER, and whatever the server answered
 */
export async function exchange(asked: Exchange): Promise<IncomingMessage> {
  const answer = await send(asked);
  const status = answer.statusCode ?? 0;
  if (status >= 200 && status < 300) return answer;
  throw errorOf(asked, status, await textOf(asked, answer));
}

async function send({ method, url, headers, body, signal, timeoutMs }: Exchange): Promise<IncomingMessage> {
  // Most commands find no server to ask, and start the faster for not loading what they would ask it with.
  const { request } = await (url.protocol === 'https:' ? import('node:https') : import('node:http'));
  return new Promise((resolve, reject) => {
    const length = body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) };
    const sent = request(url, {
      method,
      headers: { ...headers, ...length },
      ...(signal === undefined ? {} : { signal }),
    });
    const address = url.origin;
    sent.on('response', (answer) => {
      sent.setTimeout(0);
      resolve(answer);
    });
    sent.on('error', (cause) =>
      reject(
        signal?.aborted === true
          ? signal.reason
          : new SparkifyError('SERVER_UNREACHABLE', { address, detail: errorText(cause) }, { cause }),
      ),
    );
    if (timeoutMs !== undefined)
      sent.setTimeout(timeoutMs, () => sent.destroy(new Error(`no answer within ${timeoutMs} ms`)));
    sent.end(body);
  });
}

/** @throws SERVER_UNREACHABLE */
export async function textOf({ url }: Pick<Exchange, 'url'>, answer: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of answer as AsyncIterable<Buffer>) chunks.push(chunk);
  } catch (cause) {
    throw new SparkifyError('SERVER_UNREACHABLE', { address: url.origin, detail: errorText(cause) }, { cause });
  }
  return Buffer.concat(chunks).toString();
}

/** @throws SERVER_ANSWER */
export function parseAnswer({ url }: Pick<Exchange, 'url'>, text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    throw new SparkifyError('SERVER_ANSWER', { address: url.origin, detail: 'it is no JSON' }, { cause });
  }
}

function errorOf(asked: Exchange, status: number, text: string): SparkifyError {
  const { url } = asked;
  try {
    const known = errorOfProblem(JSON.parse(text) as Problem);
    if (known !== undefined) return known;
  } catch {
    // Something else answers there: a proxy, or another program.
  }
  return new SparkifyError('SERVER_ANSWER', {
    address: url.origin,
    detail: `status ${status} without a known problem`,
  });
}

import { SparkifyError } from '../../core/errors.ts';

/** Deeper nesting is no request of ours, and walking it could exhaust the stack. */
const DEEPEST = 64;

/**
 * The JSON object a request brings; an empty one when it brings nothing.
 * @throws BODY_TOO_LARGE, BODY_TYPE_REFUSED, REQUEST_INVALID
 */
export async function readBody(request: Request, limitBytes: number): Promise<unknown> {
  if (Number(request.headers.get('content-length') ?? 0) > limitBytes)
    throw new SparkifyError('BODY_TOO_LARGE', { limitBytes });
  const bytes = await readBytes(request, limitBytes);
  if (bytes.length === 0) return {};
  const type = request.headers.get('content-type') ?? 'a body of no type';
  if (!/^application\/json\s*(?:;\s*charset\s*=\s*"?utf-8"?\s*)?$/iu.test(type))
    throw new SparkifyError('BODY_TYPE_REFUSED', { found: type.slice(0, 100) });
  const text = decode(bytes);
  if (deeperThan(text, DEEPEST)) throw invalid(`the body is nested deeper than ${DEEPEST} levels`);
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    throw invalid('the body is no JSON', cause);
  }
}

async function readBytes(request: Request, limitBytes: number): Promise<Buffer> {
  if (request.body === null) return Buffer.alloc(0);
  const reader = request.body.getReader();
  const chunks: Uint8Array[] = [];
  let sizeBytes = 0;
  for (;;) {
    const { done, value } = await reader.read().catch((cause: unknown) => {
      throw invalid('the connection ended before the body did', cause);
    });
    if (done) return Buffer.concat(chunks);
    sizeBytes += value.length;
    if (sizeBytes > limitBytes) {
      reader.releaseLock();
      throw new SparkifyError('BODY_TOO_LARGE', { limitBytes });
    }
    chunks.push(value);
  }
}

function decode(bytes: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw invalid('the body is no UTF-8', cause);
  }
}

function deeperThan(json: string, levels: number): boolean {
  let depth = 0;
  let inText = false;
  for (let at = 0; at < json.length; at++) {
    const character = json[at];
    if (inText) {
      if (character === '\\') at++;
      else if (character === '"') inText = false;
    } else if (character === '"') inText = true;
    else if (character === '{' || character === '[') {
      if (++depth > levels) return true;
    } else if (character === '}' || character === ']') depth--;
  }
  return false;
}

function invalid(problem: string, cause?: unknown): SparkifyError {
  return new SparkifyError('REQUEST_INVALID', { problems: [problem] }, { cause });
}

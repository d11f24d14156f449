import type { z } from 'zod';
import { errorCatalogue } from '../../core/error-catalogue.ts';
import { SparkifyError, toSparkifyError } from '../../core/errors.ts';
import type { Redact } from '../../orchestrator/logs/redact.ts';
import type { problem } from '../contract/common.ts';

export type Problem = z.output<typeof problem>;

export interface ProblemAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Problem;
}

/** An API sends no SQL of its own making: such an error is its own. */
const INSIDE: ReadonlySet<string> = new Set(['INTERNAL', 'SQL_FAILED']);

/** Whether nobody foresaw this error, so that it belongs into the log and not outside. */
export function isUnforeseen(error: unknown): boolean {
  return INSIDE.has(toSparkifyError(error).code);
}

/**
 * Any error as RFC 9457 has it, without stack, cause or secret. What nobody foresaw is not told outside at all: the
 * number of the request leads to it in the server's log.
 */
export function problemOf(error: unknown, requestId: string, redact: Redact): ProblemAnswer {
  const found = toSparkifyError(error);
  const known = INSIDE.has(found.code)
    ? new SparkifyError('INTERNAL', { detail: `see the log of the server, request ${requestId}` })
    : found;
  return {
    status: known.httpStatus,
    headers: headersOf(known),
    body: {
      type: `urn:sparkify:error:${known.code}`,
      title: titleOf(known.code),
      status: known.httpStatus,
      detail: redact(known.message),
      instance: `urn:sparkify:request:${requestId}`,
      code: known.code,
      remedy: redact(known.remedy),
      retryable: known.retryable,
      params: JSON.parse(redact(JSON.stringify(known.params))) as Record<string, unknown>,
    },
  };
}

/** What the server of a `client.ts` sent, as the error it was there. */
export function errorOfProblem(body: Problem): SparkifyError | undefined {
  if (!Object.hasOwn(errorCatalogue, body.code)) return undefined;
  return new SparkifyError(body.code as keyof typeof errorCatalogue, body.params as never);
}

function titleOf(code: string): string {
  const words = code.toLowerCase().replaceAll('_', ' ');
  return words[0]!.toUpperCase() + words.slice(1);
}

function headersOf(error: SparkifyError): Readonly<Record<string, string>> {
  const params = error.params as { readonly seconds?: number; readonly allowed?: readonly string[] };
  switch (error.code) {
    case 'LOGIN_REQUIRED':
      return { 'www-authenticate': 'Bearer realm="sparkify"' };
    case 'TOKEN_REFUSED':
      return { 'www-authenticate': 'Bearer realm="sparkify", error="invalid_token"' };
    case 'SCOPE_LACKING':
      return { 'www-authenticate': 'Bearer realm="sparkify", error="insufficient_scope"' };
    case 'TOO_MANY_FAILURES':
      return { 'retry-after': String(params.seconds) };
    case 'METHOD_REFUSED':
      return { allow: params.allowed!.join(', ') };
    // What was not read of it is not waited for.
    case 'BODY_TOO_LARGE':
      return { connection: 'close' };
    default:
      return {};
  }
}

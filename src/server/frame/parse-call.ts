import type { z } from 'zod';
import { SparkifyError } from '../../core/errors.ts';
import type { OperationInputs } from '../contract/inputs.ts';

/** The parts of a call as they came: texts of the path and the query, and the body. */
export interface RawCall {
  readonly params: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, string | readonly string[]>>;
  readonly body: unknown;
}

export interface ParsedCall {
  readonly params: Readonly<Record<string, unknown>>;
  readonly query: Readonly<Record<string, unknown>>;
  readonly body: Readonly<Record<string, unknown>>;
}

/** What an operation takes, checked to the last field. @throws REQUEST_INVALID */
export function parseCall(schemas: OperationInputs, raw: RawCall): ParsedCall {
  const problems: string[] = [];
  const parse = (schema: z.ZodObject | undefined, value: unknown, place: string): Record<string, unknown> => {
    if (schema === undefined) {
      const extra = Object.keys(value as object);
      if (extra.length > 0) problems.push(`${place}: ${extra.slice(0, 3).join(', ')} is not known here`);
      return {};
    }
    const parsed = schema.safeParse(value);
    if (parsed.success) return parsed.data;
    problems.push(...parsed.error.issues.slice(0, 5).map((issue) => problemText(issue, place)));
    return {};
  };
  const call = {
    params: parse(schemas.params, raw.params, 'path'),
    query: parse(schemas.query, raw.query, 'query'),
    body: parse(schemas.body, raw.body, 'body'),
  };
  if (problems.length > 0) throw new SparkifyError('REQUEST_INVALID', { problems: problems.slice(0, 5) });
  return call;
}

/** Names the place and what is wrong there, never the value: it may be a secret. */
function problemText(issue: z.core.$ZodIssue, place: string): string {
  const path = [place, ...issue.path].join('.');
  if (issue.code === 'unrecognized_keys') return `${path}: ${issue.keys.slice(0, 3).join(', ')} is not known here`;
  if (issue.code === 'invalid_type' && /received undefined$/u.test(issue.message)) return `${path} is missing`;
  return `${path}: ${issue.message}`;
}

import { z } from 'zod';

export interface Failure {
  readonly code: string;
  readonly message: string;
  readonly remedy: string | null;
}

const stored = z.object({ code: z.string(), message: z.string(), remedy: z.string().optional() });

/** What stands in an `error_json` of the store. */
export function failureOf(json: string | null): Failure | null {
  if (json === null) return null;
  const { code, message, remedy = null } = stored.parse(JSON.parse(json));
  return { code, message, remedy };
}

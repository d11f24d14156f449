import { z } from 'zod';

/** A whole number as text of a path or query. */
export function wholeNumber(limits: { readonly min: number; readonly max: number }) {
  return z
    .string()
    .regex(/^-?\d{1,15}$/u, 'is no whole number')
    .transform(Number)
    .refine((n) => n >= limits.min && n <= limits.max, `lies outside of ${limits.min} to ${limits.max}`)
    .meta({ type: 'integer', minimum: limits.min, maximum: limits.max, pattern: undefined });
}

export const idInPath = wholeNumber({ min: 1, max: Number.MAX_SAFE_INTEGER });

/** A name of a pipeline, task, pool or token. Long enough for any, too short to do harm. */
export const nameInPath = z.string().min(1).max(200);

/** `true` or `false` as text of a query. */
export const flag = z
  .enum(['true', 'false'])
  .transform((text) => text === 'true')
  .meta({ type: 'boolean', enum: undefined });

/** Several words in one query parameter: `state=failed,cancelled`. */
export function listOf<const T extends string>(words: readonly T[]) {
  return z
    .string()
    .transform((text) => text.split(','))
    .pipe(z.array(z.enum(words as readonly [T, ...T[]])).max(words.length))
    .meta({ type: 'string', description: `One or several, separated by commas: ${words.join(', ')}` });
}

/** An instant as people write it: `2018-11-01` or `2018-11-01T10:00Z`, UTC. */
export const instantText = z
  .string()
  .max(40)
  .meta({ description: 'A date or time in UTC: 2018-11-01 or 2018-11-01T10:00Z.' });

export const cursorText = z
  .string()
  .max(500)
  .meta({ description: 'nextCursor of the page before; without it the first page.' });

export function pageLimit(most: number, usual: number) {
  return wholeNumber({ min: 1, max: most })
    .optional()
    .transform((n) => n ?? usual)
    .meta({ description: `At most so many; ${usual} when not said.`, default: usual });
}

/** Of every change: with dryRun everything is done and taken back, and the answer is what would have been answered. */
export const dryRun = z.boolean().optional().meta({ description: 'Only tell what would happen.' });
export const onlyDryRun = z.strictObject({ dryRun });

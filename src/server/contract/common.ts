import { z } from 'zod';

/** Epoch milliseconds UTC: every instant in an answer. */
export const instantMs = z.int().meta({ description: 'Epoch milliseconds, UTC.' });
export const whenMs = instantMs.nullable();

/** How many there are in all, counted up to a bound. */
const total = z
  .strictObject({
    count: z.int().min(0),
    exact: z.boolean().meta({ description: 'false: there are more than count.' }),
  })
  .meta({ id: 'Total' });

/** One page of a longer list; `nextCursor` is null on the last one. */
export function pageOf<T extends z.ZodType>(item: T, id: string) {
  return z.strictObject({ items: z.array(item), nextCursor: z.string().nullable(), total }).meta({ id });
}

/** A list that is always given whole. */
export function allOf<T extends z.ZodType>(item: T, id: string) {
  return z.strictObject({ items: z.array(item) }).meta({ id });
}

/** A schema that has a name of its own, or null: the document then refers to it, and says null beside it. */
export function orNull<T extends z.ZodType>(schema: T) {
  return z.union([schema, z.null()]);
}

/** Why something ended so. */
export const failure = z
  .strictObject({ code: z.string(), message: z.string(), remedy: z.string().nullable() })
  .meta({ id: 'Failure' });

/** RFC 9457. */
export const problem = z
  .object({
    type: z.string().meta({ description: 'urn:sparkify:error:CODE; docs/errors.md has a section for each code.' }),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    instance: z.string().meta({ description: 'Number of the request, as the log of the server has it.' }),
    code: z.string(),
    remedy: z.string(),
    retryable: z.boolean(),
    params: z.record(z.string(), z.unknown()).meta({ description: 'What detail and remedy were made from.' }),
  })
  .meta({ id: 'Problem' });

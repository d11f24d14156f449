import { z } from 'zod';
import { SparkifyError } from '../../core/errors.ts';

/** Where a page ended, as text that a caller gives back unread. */
export function cursorOf(place: readonly (string | number)[]): string {
  return Buffer.from(JSON.stringify(place)).toString('base64url');
}

/** @throws REQUEST_INVALID */
export function readCursor<T extends z.ZodType>(schema: T, text: string | undefined): z.output<T> | undefined {
  if (text === undefined) return undefined;
  try {
    return schema.parse(JSON.parse(Buffer.from(text, 'base64url').toString()));
  } catch (cause) {
    throw new SparkifyError('REQUEST_INVALID', { problems: ['query.cursor is no cursor of this list'] }, { cause });
  }
}

export const idCursor = z.tuple([z.int()]);

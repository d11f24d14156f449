import { z } from 'zod';
import { logLevels } from '../../orchestrator/logs/log-line.ts';
import { cursorText, instantMs, nameInPath, orNull, pageLimit, wholeNumber } from './common.ts';

const attemptKey = { run: z.int(), task: z.string(), mapIndex: z.int(), attempt: z.int() };

const logLine = z
  .strictObject({
    kind: z.literal('line'),
    ...attemptKey,
    line: z.int().meta({ description: 'From 1 within its attempt; never changes, so it can be linked to.' }),
    timeMs: instantMs,
    level: z.enum(logLevels),
    msg: z.string(),
    data: z.record(z.string(), z.unknown()).optional(),
  })
  .meta({ id: 'LogLine' });

export const logItem = z
  .discriminatedUnion('kind', [
    logLine,
    z.strictObject({ kind: z.literal('attempt'), ...attemptKey }),
    z.strictObject({ kind: z.literal('cut'), ...attemptKey, fromLine: z.int(), toLine: z.int() }),
  ])
  .meta({ id: 'LogItem', description: 'A line; the beginning of an attempt; lines that were cut out.' });

const attempts = {
  task: nameInPath.optional(),
  mapIndex: wholeNumber({ min: -1, max: 1_000_000 }).optional(),
  attempt: z
    .union([z.literal('last'), wholeNumber({ min: 1, max: 1_000_000 })])
    .optional()
    .meta({ description: 'A number, or `last`; all attempts when not said.' }),
};

const choice = {
  ...attempts,
  level: z.enum(logLevels).optional().meta({ description: 'This level and those above it.' }),
  grep: z.string().max(200).optional().meta({ description: 'A regular expression over message and data.' }),
  from: wholeNumber({ min: 1, max: Number.MAX_SAFE_INTEGER })
    .optional()
    .meta({ description: 'From this line of each attempt on.' }),
};

export const logFilter = z.strictObject({ ...choice, cursor: cursorText.optional(), limit: pageLimit(5000, 1000) });
export const logStreamFilter = z.strictObject(choice);

export const attemptChoice = z.strictObject(attempts);
export const firstErrorLine = z.strictObject({ line: orNull(logLine) }).meta({ id: 'FirstError' });

export const logPage = z
  .strictObject({ items: z.array(logItem), nextCursor: z.string().nullable() })
  .meta({ id: 'LogPage' });

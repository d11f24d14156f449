import { z } from 'zod';
import { logLevels } from '../../orchestrator/logs/log-line.ts';
import { instantMs, orNull } from './common.ts';

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

export const firstErrorLine = z.strictObject({ line: orNull(logLine) }).meta({ id: 'FirstError' });

export const logPage = z
  .strictObject({ items: z.array(logItem), nextCursor: z.string().nullable() })
  .meta({ id: 'LogPage' });

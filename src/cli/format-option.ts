import { SparkifyError } from '../core/errors.ts';
import type { Format } from './output.ts';
import { nameFix } from './suggest.ts';

export interface FormatFlags {
  readonly format?: string;
  readonly json?: boolean;
  readonly csv?: boolean;
  readonly ndjson?: boolean;
}

const FORMATS: readonly Format[] = ['table', 'json', 'csv', 'ndjson'];

/** The one format that the flags ask for. @throws USAGE */
export function formatOf(flags: FormatFlags): Format {
  const asked = new Set<string>();
  if (flags.format !== undefined) asked.add(flags.format);
  for (const format of ['json', 'csv', 'ndjson'] as const) if (flags[format] === true) asked.add(format);
  if (asked.size > 1)
    throw new SparkifyError('USAGE', {
      detail: `Several formats are asked for: ${[...asked].join(', ')}.`,
      fix: 'Keep one of them.',
    });
  const [format = 'table'] = asked;
  const known = FORMATS.find((f) => f === format);
  if (known !== undefined) return known;
  throw new SparkifyError('USAGE', {
    detail: `There is no format "${format}".`,
    fix: nameFix(format, FORMATS, ''),
  });
}

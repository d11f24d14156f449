import { SparkifyError } from '../../core/errors.ts';
import { parseInstant } from '../../pipeline/interval.ts';

/** A date or time of a query as epoch milliseconds. @throws REQUEST_INVALID */
export function instantOf(text: string, name: string): number {
  try {
    return parseInstant(text);
  } catch (cause) {
    throw new SparkifyError(
      'REQUEST_INVALID',
      { problems: [`query.${name} is no date or time in UTC such as 2018-11-01 or 2018-11-01T10:00Z`] },
      { cause },
    );
  }
}

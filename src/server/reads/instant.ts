import { SparkifyError } from '../../core/errors.ts';
import { parseInstant } from '../../pipeline/interval.ts';

/** A date or time as epoch milliseconds; `place` is where it stands in the request. @throws REQUEST_INVALID */
export function instantOf(text: string, place: string): number {
  try {
    return parseInstant(text);
  } catch (cause) {
    throw new SparkifyError(
      'REQUEST_INVALID',
      { problems: [`${place} is no date or time in UTC such as 2018-11-01 or 2018-11-01T10:00Z`] },
      { cause },
    );
  }
}

import { isSparkifyError } from '../core/errors.ts';
import { grouped } from '../core/grouped.ts';
import type { CheckResult } from '../ledger/checks.ts';
import type { Check } from '../pipeline/check.ts';

/** Sample rows that a failure shows. */
export const SAMPLE_ROWS = 5;

/** What looking at the data told; `expected` and `actual` are for a person. */
export interface Finding {
  readonly passed: boolean;
  readonly expected: string;
  readonly actual: string;
  readonly samples?: CheckResult['samples'];
}

/**
 * The verdict of one check. A check whose own SQL fails has the verdict `error`; a warehouse that is gone is no verdict
 * and is thrown on.
 */
export async function verdictOf(check: Check, look: () => Promise<Finding>): Promise<CheckResult> {
  const about = { name: check.name, table: 'table' in check ? check.table : null, severity: check.severity };
  try {
    const { passed, expected, actual, samples = [] } = await look();
    return { ...about, verdict: passed ? 'passed' : 'failed', expected, actual, samples };
  } catch (error) {
    if (!isSparkifyError(error) || error.code !== 'SQL_FAILED') throw error;
    return {
      ...about,
      verdict: 'error',
      expected: 'a check that can be carried out',
      actual: (error.params as { detail: string }).detail,
      samples: [],
    };
  }
}

/** `1 row`, `2,048 rows`. */
export function counted(n: number, noun: string, plural = `${noun}s`): string {
  return `${grouped(n)} ${n === 1 ? noun : plural}`;
}

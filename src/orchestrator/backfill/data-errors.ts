import type { ErrorCode } from '../../core/error-catalogue.ts';

/**
 * Errors that one interval's data may bring over a run of several: its cells are then done one by one, so that a bad day
 * keeps nobody else back. Everything else (a source or a warehouse that does not answer, a full disk, a changed definition)
 * would meet each of them in the same way.
 */
const DATA_ERRORS: ReadonlySet<string> = new Set<ErrorCode>([
  'CHECKS_FAILED',
  'QUARANTINE_SHARE',
  'OBJECTS_MISSING',
  'SENSOR_TIMED_OUT',
  'SOURCE_CHANGED',
  'SOURCE_UNREADABLE',
  'INGEST_MISMATCH',
  'SQL_FAILED',
  'FUNCTION_FAILED',
  'FUNCTION_GAVE_UP',
  'BRANCH_UNKNOWN',
  'VALUE_INVALID',
  'VALUE_TOO_LARGE',
  'TASK_TIMEOUT',
  'TASK_STRAY_ERROR',
  'TASK_SET_ASIDE',
]);

export function isDataError(code: string | undefined): boolean {
  return code !== undefined && DATA_ERRORS.has(code);
}

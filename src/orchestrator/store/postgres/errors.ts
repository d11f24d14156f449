import { errorText, isSparkifyError, SparkifyError } from '../../../core/errors.ts';
import { type ErrorPlace, isConnectionLost, translateConnectError } from '../../../warehouse/postgres/errors.ts';

/** A failure to connect, as the store says it; what the warehouse says in the same words keeps its code. */
export function translateConnect(error: unknown, place: ErrorPlace): SparkifyError {
  const translated = translateConnectError(error, place);
  const store = place.target;
  switch (translated.code) {
    case 'WAREHOUSE_UNREACHABLE':
    case 'WAREHOUSE_OPEN_FAILED': {
      const { detail } = translated.params as { readonly detail: string };
      const code = translated.code === 'WAREHOUSE_UNREACHABLE' ? 'STORE_UNREACHABLE' : 'STORE_OPEN_FAILED';
      return new SparkifyError(code, { store, detail }, { cause: error });
    }
    default:
      return translated;
  }
}

/** A failure of a statement, by its SQLSTATE. */
export function translateStatement(error: unknown, place: ErrorPlace, statement: string): SparkifyError {
  if (isSparkifyError(error)) return error;
  const { code = '', detail: more } = error as { readonly code?: string; readonly detail?: string };
  const detail = [errorText(error), more].filter((t) => t !== undefined && t !== '').join(' – ');
  const store = place.target;
  if (isLost(error)) return new SparkifyError('STORE_UNREACHABLE', { store, detail }, { cause: error });
  switch (code) {
    // Serialization failure, deadlock, lock timeout, statement timeout.
    case '40001':
    case '40P01':
    case '55P03':
    case '57014':
      return new SparkifyError('STORE_BUSY', { store, detail }, { cause: error });
    case '53100':
      return new SparkifyError('DISK_FULL', { what: `the database ${place.database}` }, { cause: error });
    case '42501':
      return new SparkifyError('WAREHOUSE_DENIED', { user: place.user, detail }, { cause: error });
    default:
      return new SparkifyError(
        'SQL_FAILED',
        { detail: code === '' ? detail : `${detail} (SQLSTATE ${code})`, statement: statement.trim().slice(0, 300) },
        { cause: error },
      );
  }
}

/** Whether the connection is of no more use, so that what was not committed is rolled back. */
export function isLost(error: unknown): boolean {
  if (isSparkifyError(error)) return error.code === 'STORE_UNREACHABLE';
  const { code = '' } = error as { readonly code?: string };
  // A statement with too few values is a violation of the protocol, of the class of lost connections.
  if (code === '08P01') return false;
  // Idle in a transaction for too long (a process that was paused), and the driver's own impatience.
  return code === '25P03' || isConnectionLost(error) || /read timeout|Client was closed/i.test(errorText(error));
}

/** Whether a statement failed for no other reason than that one before it in its transaction had. */
export function isRefusedAfterFailure(error: unknown): boolean {
  return (error as { readonly code?: string }).code === '25P02';
}

import { errorText, isSparkifyError, SparkifyError } from '../../core/errors.ts';

/** Where a failure happened, as it may be shown. */
export interface ErrorPlace {
  /** URL without a password. */
  readonly target: string;
  readonly user: string;
  readonly database: string;
  readonly host: string;
  readonly port: number;
}

interface DriverError {
  readonly code?: string;
  readonly severity?: string;
  readonly detail?: string;
  readonly table?: string;
}

const NETWORK = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOENT',
  'EACCES',
]);
const LOST = new Set(['ECONNRESET', 'EPIPE', 'ECONNABORTED']);

/** Translates a failure to connect. */
export function translateConnectError(error: unknown, place: ErrorPlace): SparkifyError {
  if (isSparkifyError(error)) return error;
  const first = firstOf(error);
  const { code = '' } = first as DriverError;
  const text = errorText(first);
  const { target } = place;
  if (code === '28P01' || code === '28000' || /client password must be/.test(text))
    return new SparkifyError('WAREHOUSE_AUTH_FAILED', { target, user: place.user, detail: text }, { cause: error });
  if (code === '3D000')
    return new SparkifyError('WAREHOUSE_DATABASE_MISSING', { target, database: place.database }, { cause: error });
  if (isTlsError(code, text))
    return new SparkifyError('WAREHOUSE_TLS_FAILED', { target, detail: text }, { cause: error });
  if (code === '42501')
    return new SparkifyError('WAREHOUSE_DENIED', { user: place.user, detail: text }, { cause: error });
  if (NETWORK.has(code) || LOST.has(code) || /^(53300|57P0\d|08...)$/.test(code) || isLostText(text)) {
    const detail = {
      ECONNREFUSED: `nothing listens on port ${place.port} of ${place.host}`,
      ENOTFOUND: `there is no host "${place.host}"`,
      EAI_AGAIN: `the host name "${place.host}" cannot be resolved now`,
      ENOENT: `there is no socket for port ${place.port} in ${place.host}`,
    }[code];
    return new SparkifyError('WAREHOUSE_UNREACHABLE', { target, detail: detail ?? text }, { cause: error });
  }
  return new SparkifyError('WAREHOUSE_OPEN_FAILED', { target, detail: text }, { cause: error });
}

/** Translates a failure of a statement; what is already translated passes. */
export function translateStatementError(error: unknown, statement: string, place: ErrorPlace): SparkifyError {
  if (isSparkifyError(error)) return error;
  const { code = '', detail } = error as DriverError;
  const text = [errorText(error), detail].filter((t) => t !== undefined && t !== '').join(' – ');
  if (isConnectionLost(error))
    return new SparkifyError('WAREHOUSE_LOST', { target: place.target, detail: text }, { cause: error });
  switch (code) {
    case '53100':
      return new SparkifyError('DISK_FULL', { what: `the database ${place.database}` }, { cause: error });
    case '42501':
      return new SparkifyError('WAREHOUSE_DENIED', { user: place.user, detail: text }, { cause: error });
    case '40001':
    case '40P01':
    case '55P03':
      return new SparkifyError('WAREHOUSE_CONFLICT', { detail: text }, { cause: error });
    default:
      return new SparkifyError(
        'SQL_FAILED',
        { detail: code === '' ? text : `${text} (SQLSTATE ${code})`, statement: statement.trim().slice(0, 300) },
        { cause: error },
      );
  }
}

/** Did the connection go away, so that what was in flight may or may not have happened? */
export function isConnectionLost(error: unknown): boolean {
  if (isSparkifyError(error)) return error.code === 'WAREHOUSE_LOST';
  const { code = '', severity } = error as DriverError;
  if (severity !== undefined) return /^(57P0[1-5]|08...)$/.test(code);
  return LOST.has(code) || NETWORK.has(code) || isLostText(errorText(error));
}

function isLostText(text: string): boolean {
  return /Connection terminated|timeout expired|timeout exceeded|not queryable|connection error/i.test(text);
}

function isTlsError(code: string, text: string): boolean {
  return (
    /^(ERR_TLS|ERR_SSL|CERT_|UNABLE_TO|DEPTH_ZERO|SELF_SIGNED|EPROTO|HOSTNAME_MISMATCH)/.test(code) ||
    /does not support SSL|establishing an SSL connection/.test(text)
  );
}

/** Node tries several addresses of a host and reports them together; the first tells enough. */
function firstOf(error: unknown): unknown {
  return error instanceof AggregateError && error.errors.length > 0 ? error.errors[0] : error;
}

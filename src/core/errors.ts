import { type ErrorCode, type ErrorEntry, type ErrorParams, errorCatalogue } from './error-catalogue.ts';

/** The one error class of the project: a code from the catalogue, its parameters, the cause and the remedy. */
export class SparkifyError<C extends ErrorCode = ErrorCode> extends Error {
  override readonly name = 'SparkifyError';
  readonly code: C;
  readonly params: ErrorParams<C>;
  readonly remedy: string;
  readonly retryable: boolean;
  readonly httpStatus: number;
  readonly exitCode: 1 | 2 | 3 | 4;

  constructor(code: C, params: ErrorParams<C>, options: { cause?: unknown } = {}) {
    const entry = errorCatalogue[code] as unknown as ErrorEntry<ErrorParams<C>>;
    super(entry.message(params), { cause: options.cause });
    this.code = code;
    this.params = params;
    this.remedy = entry.remedy(params);
    this.retryable = entry.retryable;
    this.httpStatus = entry.httpStatus;
    this.exitCode = entry.exitCode;
  }
}

export function isSparkifyError(error: unknown): error is SparkifyError {
  return error instanceof SparkifyError;
}

/** Anything thrown, as a SparkifyError; what has no code of its own becomes INTERNAL and keeps its cause. */
export function toSparkifyError(error: unknown): SparkifyError {
  if (isSparkifyError(error)) return error;
  return new SparkifyError('INTERNAL', { detail: errorText(error) }, { cause: error });
}

export function errorText(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

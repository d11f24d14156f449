/** One error: a message says what happened, a remedy what to do about it; neither may carry a secret. */
export interface ErrorEntry<P> {
  readonly message: (params: P) => string;
  readonly remedy: (params: P) => string;
  /** May the same action succeed later without anybody changing anything? */
  readonly retryable: boolean;
  readonly httpStatus: number;
  /** 1 run or check failed, 2 usage, 3 configuration or project, 4 unreachable. */
  readonly exitCode: 1 | 2 | 3 | 4;
}

export function entry<P>(
  exitCode: ErrorEntry<P>['exitCode'],
  message: (params: P) => string,
  remedy: (params: P) => string,
  rest: { retryable?: boolean; httpStatus?: number } = {},
): ErrorEntry<P> {
  const httpStatus = rest.httpStatus ?? ({ 1: 409, 2: 400, 3: 422, 4: 503 } as const)[exitCode];
  return { message, remedy, exitCode, retryable: rest.retryable ?? exitCode === 4, httpStatus };
}

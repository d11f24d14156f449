/**
 * Every error a person can meet, keyed by its code. `docs/errors.md` is generated from this table and a test holds
 * the two equal. A message says what happened, a remedy what to do about it; neither may carry a secret.
 */
export interface ErrorEntry<P> {
  readonly message: (params: P) => string;
  readonly remedy: (params: P) => string;
  /** May the same action succeed later without anybody changing anything? */
  readonly retryable: boolean;
  readonly httpStatus: number;
  /** 1 run or check failed, 2 usage, 3 configuration or project, 4 unreachable. */
  readonly exitCode: 1 | 2 | 3 | 4;
}

function entry<P>(
  exitCode: ErrorEntry<P>['exitCode'],
  message: (params: P) => string,
  remedy: (params: P) => string,
  rest: { retryable?: boolean; httpStatus?: number } = {},
): ErrorEntry<P> {
  const httpStatus = rest.httpStatus ?? ({ 1: 409, 2: 400, 3: 422, 4: 503 } as const)[exitCode];
  return { message, remedy, exitCode, retryable: rest.retryable ?? exitCode === 4, httpStatus };
}

export const errorCatalogue = {
  // usage
  USAGE: entry<{ detail: string; fix?: string }>(
    2,
    (p) => p.detail,
    (p) => p.fix ?? 'See `sparkify --help`.',
  ),
  // pipeline definitions
  PIPELINE_INVALID: entry<{ pipeline: string; detail: string; fix?: string }>(
    3,
    (p) => `Pipeline ${p.pipeline}: ${p.detail}`,
    (p) => p.fix ?? 'Correct the definition; docs/pipelines.md describes every field.',
  ),
  PIPELINE_CYCLE: entry<{ pipeline: string; path: readonly string[] }>(
    3,
    (p) => `Pipeline ${p.pipeline}: its tasks wait for each other in a circle: ${p.path.join(' → ')}`,
    () => 'Remove one of these dependencies.',
  ),
  PARAMETER_INVALID: entry<{ pipeline: string; detail: string }>(
    2,
    (p) => `Parameters of pipeline ${p.pipeline}: ${p.detail}`,
    () => 'Pass the parameter with --set name=value, or set it under `params` in sparkify.config.ts.',
  ),
  INTERVAL_INVALID: entry<{ text: string; detail: string }>(
    2,
    (p) => `"${p.text}" is not an interval: ${p.detail}`,
    () =>
      'Write START/END in UTC, half-open, for example 2018-11-01/2018-11-02 or 2018-11-01T10:00Z/2018-11-01T11:00Z.',
  ),
  TEMPLATE_INVALID: entry<{ template: string; detail: string }>(
    3,
    (p) => `The key template "${p.template}" cannot be used: ${p.detail}`,
    () => 'Use the tokens {yyyy}, {MM}, {dd}, {HH} or a date pattern such as {yyyy-MM-dd}.',
  ),
  // anything unforeseen
  INTERNAL: entry<{ detail: string }>(
    1,
    (p) => `Something that should not happen did: ${p.detail}`,
    () => 'Nothing was published. Please report this with the command and the output of `sparkify doctor`.',
    { httpStatus: 500 },
  ),
} as const;

export type ErrorCode = keyof typeof errorCatalogue;
export type ErrorParams<C extends ErrorCode> = Parameters<(typeof errorCatalogue)[C]['message']>[0];

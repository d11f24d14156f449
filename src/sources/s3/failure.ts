import { SparkifyError } from '../../core/errors.ts';

/** An answer of the server that is no success, in the shape the AWS SDK gives its own. */
export class S3Refusal extends Error {
  readonly $metadata: { readonly httpStatusCode: number };

  constructor(status: number, code: string, message: string) {
    super(message);
    this.name = code;
    this.$metadata = { httpStatusCode: status };
  }
}

/** A body that ended early or does not belong to the version asked for. */
export class S3BrokenBody extends Error {
  override readonly name = 'S3BrokenBody';
}

const TRANSIENT_CODES = new Set([
  'SlowDown',
  'SlowDownRead',
  'SlowDownWrite',
  'InternalError',
  'ServiceUnavailable',
  'ServerBusy',
  'RequestTimeout',
  'RequestTimeoutException',
  'TimeoutError',
  'ThrottlingException',
  'TooManyRequests',
]);

const TRANSIENT_SYSTEM = new Set([
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'ESOCKETTIMEDOUT',
  'EAI_AGAIN',
  'ECONNABORTED',
  'ECONNREFUSED',
  'UND_ERR_SOCKET',
  'UND_ERR_CONNECT_TIMEOUT',
  'UND_ERR_HEADERS_TIMEOUT',
  'UND_ERR_BODY_TIMEOUT',
  'UND_ERR_RES_CONTENT_LENGTH_MISMATCH',
  'HPE_INVALID_CONSTANT',
  'HPE_INVALID_EOF_STATE',
]);

export function refusalStatus(error: unknown): number | undefined {
  return (error as { $metadata?: { httpStatusCode?: number } } | null)?.$metadata?.httpStatusCode;
}

/** The S3 error code (`NoSuchKey`) of an answer; undefined where there was no answer. */
export function refusalCode(error: unknown): string | undefined {
  return refusalStatus(error) === undefined ? undefined : (error as Error).name;
}

export function systemCode(error: unknown): string | undefined {
  for (let e = error; e instanceof Error; e = e.cause) {
    const code = (e as NodeJS.ErrnoException).code;
    if (typeof code === 'string') return code;
  }
  return undefined;
}

/** May the same request succeed in a moment? */
export function isTransient(error: unknown): boolean {
  if (error instanceof S3BrokenBody) return true;
  const name = error instanceof Error ? error.name : '';
  if (TRANSIENT_CODES.has(name)) return true;
  const status = refusalStatus(error);
  // The SDK gives a response it could not parse the status of that response: a broken body under a 200.
  if (status !== undefined && status >= 400) return status >= 500 ? status !== 501 : status === 429 || status === 408;
  const code = systemCode(error);
  return (code !== undefined && TRANSIENT_SYSTEM.has(code)) || (status === 200 && !(error instanceof SparkifyError));
}

/** Was there nobody to talk to? */
export function isAbsent(error: unknown): boolean {
  const code = systemCode(error);
  return code === 'ECONNREFUSED' || code === 'EAI_AGAIN';
}

const WRONG_KEYS = new Set([
  'InvalidAccessKeyId',
  'SignatureDoesNotMatch',
  'AuthorizationHeaderMalformed',
  'InvalidSecurity',
  'XAdminUserNotFound', // VersityGW, for an unknown access key
]);
const EXPIRED = new Set([
  'ExpiredToken',
  'InvalidToken',
  'TokenRefreshRequired',
  'ExpiredTokenException',
  'InvalidClientTokenId',
]);

export interface FailureContext {
  /** The bucket, prefix or object as a URI. */
  readonly uri: string;
  /** Past participle for "may not be …": listed, read, written. */
  readonly action: string;
  /** Set when one object is concerned rather than the source. */
  readonly isObject?: boolean;
  readonly endpoint: string;
}

/** Whatever went wrong between us and a bucket, as the one error a person sees: the cause, the fix, never a secret. */
export function s3Error(error: unknown, context: FailureContext): Error {
  if (error instanceof SparkifyError) return error;
  if (error instanceof Error && error.name === 'AbortError') return error;
  const source = context.uri;
  const cause = { cause: error };
  const code = refusalCode(error);
  const status = refusalStatus(error);
  const detail = describe(error);
  const name = error instanceof Error ? error.name : '';

  if (name === 'CredentialsProviderError' || name === 'TokenProviderError' || name === 'ProviderError') {
    return new SparkifyError('SOURCE_CREDENTIALS', { source, detail, fix: noCredentialsFix }, cause);
  }
  if (code === 'RequestTimeTooSkewed') {
    const fix = 'Set the clock of this machine (NTP); S3 accepts 15 minutes.';
    return new SparkifyError('SOURCE_CREDENTIALS', { source, detail: 'the clocks differ too much', fix }, cause);
  }
  if (code !== undefined && EXPIRED.has(code)) {
    const fix = 'Renew the session (aws sso login, a new token), then run it again.';
    return new SparkifyError(
      'SOURCE_CREDENTIALS',
      { source, detail: `${code}: the session has expired or is unknown`, fix },
      cause,
    );
  }
  if (code === 'PermanentRedirect' || status === 301 || status === 307) {
    const fix = 'Set the region of the bucket: `s3.region` in the configuration, or AWS_REGION.';
    return new SparkifyError('SOURCE_UNREACHABLE', { source, detail: 'the bucket lies in another region', fix }, cause);
  }
  if (code !== undefined && WRONG_KEYS.has(code)) {
    const fix =
      code === 'AuthorizationHeaderMalformed'
        ? 'Set the region of the bucket: `s3.region` in the configuration, or AWS_REGION.'
        : 'Check the access key and the secret key that belongs to it, and that they are of this server.';
    return new SparkifyError('SOURCE_CREDENTIALS', { source, detail: `${code}: ${wrongKeys(code)}`, fix }, cause);
  }
  if (code === 'NoSuchBucket') {
    const fix = 'Check the name of the bucket, and the endpoint and account it is looked for in.';
    return new SparkifyError(
      'SOURCE_NOT_FOUND',
      { source, detail: `no such bucket at ${context.endpoint}`, fix },
      cause,
    );
  }
  if (status === 403 || status === 401) {
    return context.isObject
      ? new SparkifyError(
          'SOURCE_UNREADABLE',
          {
            object: source,
            detail: 'access denied',
            fix: 'Grant s3:GetObject on it (and kms:Decrypt where it is encrypted).',
          },
          cause,
        )
      : new SparkifyError('SOURCE_ACCESS_DENIED', { source, action: context.action, detail }, cause);
  }
  if (code === 'InvalidBucketName') return new SparkifyError('SOURCE_URL_INVALID', { url: source, detail }, cause);
  if (context.isObject && (status !== undefined || error instanceof S3BrokenBody))
    return new SparkifyError('SOURCE_UNREADABLE', { object: source, detail }, cause);
  return new SparkifyError(
    'SOURCE_UNREACHABLE',
    { source, detail: unreachable(error, context.endpoint), ...tlsFix(error) },
    cause,
  );
}

const noCredentialsFix =
  'Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, name a profile (`s3.profile`), or set `s3.anonymous` for a public bucket.';

function wrongKeys(code: string): string {
  if (code === 'InvalidAccessKeyId' || code === 'XAdminUserNotFound') return 'the server does not know this access key';
  if (code === 'SignatureDoesNotMatch') return 'the secret key does not belong to the access key';
  return 'the request was signed for another region or service';
}

function describe(error: unknown): string {
  const message = (error instanceof Error ? error.message : String(error)).replace(/\s+/g, ' ').trim().slice(0, 200);
  const code = refusalCode(error);
  if (code === undefined) return message || 'it failed without a message';
  return message === '' || message === code || message === 'UnknownError'
    ? `${code} (HTTP ${refusalStatus(error)})`
    : `${code}: ${message}`;
}

function unreachable(error: unknown, endpoint: string): string {
  const code = systemCode(error);
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return `no host of this name: ${endpoint}`;
  if (code === 'ECONNREFUSED') return `nothing listens at ${endpoint}`;
  if (code === 'ECONNRESET' || code === 'UND_ERR_SOCKET') return `${endpoint} cut the connection again and again`;
  if (code?.includes('TIMEOUT') || code === 'ETIMEDOUT') return `${endpoint} does not answer in time`;
  if (isTlsCode(code)) return `the certificate of ${endpoint} cannot be trusted (${code})`;
  return describe(error);
}

function isTlsCode(code: string | undefined): boolean {
  return code !== undefined && /CERT|TLS|SSL|ISSUER|SIGNATURE|ALTNAME/.test(code);
}

function tlsFix(error: unknown): { fix?: string } {
  return isTlsCode(systemCode(error))
    ? { fix: 'Name its authority in NODE_EXTRA_CA_CERTS, or correct the endpoint (http or https, host name).' }
    : {};
}

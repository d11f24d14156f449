import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

/** Why a request is refused, with the code and status S3 gives. */
export interface Refusal {
  readonly status: number;
  readonly code: string;
  readonly message: string;
}

export interface TestCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

/** S3 accepts requests whose time differs by at most this. */
const MAX_SKEW_MS = 15 * 60_000;

const no = (status: number, code: string, message: string): Refusal => ({ status, code, message });

/**
 * Verifies the signature of a request as the S3 API reference describes it, from the raw request line.
 * Returns undefined when it is right, 'anonymous' when there is none.
 */
export function verifySignature(
  request: IncomingMessage,
  body: Buffer,
  options: { readonly credentials: readonly TestCredentials[]; readonly region: string; readonly nowMs: number },
): Refusal | 'anonymous' | undefined {
  const authorization = request.headers.authorization;
  if (authorization === undefined) return 'anonymous';
  const parts =
    /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/s3\/aws4_request, ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})$/.exec(
      authorization,
    );
  if (parts === null) return no(400, 'AuthorizationHeaderMalformed', 'The authorization header is malformed.');
  const [, accessKeyId, date, region, signedHeaders, signature] = parts as unknown as string[];
  const known = options.credentials.find((c) => c.accessKeyId === accessKeyId);
  if (known === undefined) return no(403, 'InvalidAccessKeyId', 'The AWS access key Id you provided does not exist.');
  if (region !== options.region)
    return no(400, 'AuthorizationHeaderMalformed', `The region '${region}' is wrong; expecting '${options.region}'`);
  if (known.sessionToken !== undefined && request.headers['x-amz-security-token'] !== known.sessionToken)
    return no(400, 'InvalidToken', 'The provided token is malformed or otherwise invalid.');
  const stamp = String(request.headers['x-amz-date'] ?? '');
  const iso = stamp.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z');
  if (!stamp.startsWith(date!) || Number.isNaN(Date.parse(iso)))
    return no(403, 'AccessDenied', 'AWS authentication requires a valid Date or x-amz-date header');
  if (Math.abs(Date.parse(iso) - options.nowMs) > MAX_SKEW_MS)
    return no(
      403,
      'RequestTimeTooSkewed',
      'The difference between the request time and the current time is too large.',
    );

  const names = signedHeaders!.split(';');
  const mustBeSigned = ['host', ...Object.keys(request.headers).filter((h) => h.startsWith('x-amz-'))];
  if (mustBeSigned.some((h) => !names.includes(h)))
    return no(403, 'AccessDenied', 'There were headers present in the request which were not signed');
  const [path, query = ''] = request.url!.split(/\?(.*)/s) as [string, string?];
  const sha = String(request.headers['x-amz-content-sha256'] ?? '');
  if (sha !== 'UNSIGNED-PAYLOAD' && sha !== createHash('sha256').update(body).digest('hex'))
    return no(400, 'XAmzContentSHA256Mismatch', 'The provided x-amz-content-sha256 header does not match.');
  const canonical = [
    request.method,
    path,
    query
      .split('&')
      .filter((p) => p !== '')
      .map((p) => (p.includes('=') ? p : `${p}=`))
      .sort()
      .join('&'),
    ...names.map((n) => `${n}:${String(request.headers[n] ?? '').trim()}`),
    '',
    signedHeaders,
    sha,
  ].join('\n');
  const scope = `${date}/${region}/s3/aws4_request`;
  const text = `AWS4-HMAC-SHA256\n${stamp}\n${scope}\n${createHash('sha256').update(canonical).digest('hex')}`;
  const sign = (key: string | Buffer, value: string): Buffer => createHmac('sha256', key).update(value).digest();
  const key = sign(sign(sign(sign(`AWS4${known.secretAccessKey}`, date!), region!), 's3'), 'aws4_request');
  if (timingSafeEqual(sign(key, text), Buffer.from(signature!, 'hex'))) return undefined;
  return no(
    403,
    'SignatureDoesNotMatch',
    'The request signature we calculated does not match the signature you provided.',
  );
}

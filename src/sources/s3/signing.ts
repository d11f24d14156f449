import { createHash, createHmac } from 'node:crypto';

export interface S3Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
  readonly expiration?: Date;
}

export interface SignedRequest {
  readonly method: string;
  /** Percent-encoded path as it goes over the wire; S3 signs it as it is, without normalising `..` or `//`. */
  readonly path: string;
  /** Canonical: parameters encoded and in byte order. */
  readonly query: string;
  /** Hex SHA-256 of the body. @default that of an empty body */
  readonly bodySha256?: string;
}

/** Makes the headers of a request, flat (name, value, …): signed with AWS Signature Version 4. */
export type Sign = (request: SignedRequest, credentials: S3Credentials, nowMs: number) => string[];

const EMPTY_SHA256 = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';

/**
 * A signer for one host and region. The derived key is kept for a day and the time stamp for a second, which leaves one
 * hash and one HMAC for a request. Source: "Authenticating Requests (AWS Signature Version 4)", Amazon S3 API Reference.
 */
export function createSigner(host: string, region: string): Sign {
  let second = -1;
  let stamp = '';
  let key: Buffer | undefined;
  let keyFor = '';

  const signingKey = (secret: string, date: string): Buffer => {
    const wanted = `${date}${secret}`;
    if (key === undefined || keyFor !== wanted) {
      key = ['s3', 'aws4_request'].reduce(
        (k, part) => hmac(k, part),
        hmac(hmac(Buffer.from(`AWS4${secret}`), date), region),
      );
      keyFor = wanted;
    }
    return key;
  };

  return (request, credentials, nowMs) => {
    const nowSecond = Math.floor(nowMs / 1000);
    if (nowSecond !== second) {
      second = nowSecond;
      stamp = `${new Date(nowSecond * 1000).toISOString().slice(0, 19).replace(/[-:]/g, '')}Z`;
    }
    const date = stamp.slice(0, 8);
    const sha = request.bodySha256 ?? EMPTY_SHA256;
    const token = credentials.sessionToken;
    const tokenLine = token === undefined ? '' : `x-amz-security-token:${token}\n`;
    const names = `host;x-amz-content-sha256;x-amz-date${token === undefined ? '' : ';x-amz-security-token'}`;
    const canonical = `${request.method}\n${request.path}\n${request.query}\nhost:${host}\nx-amz-content-sha256:${sha}\nx-amz-date:${stamp}\n${tokenLine}\n${names}\n${sha}`;
    const scope = `${date}/${region}/s3/aws4_request`;
    const toSign = `AWS4-HMAC-SHA256\n${stamp}\n${scope}\n${createHash('sha256').update(canonical).digest('hex')}`;
    const signature = createHmac('sha256', signingKey(credentials.secretAccessKey, date)).update(toSign).digest('hex');
    const headers = [
      'host',
      host,
      'x-amz-content-sha256',
      sha,
      'x-amz-date',
      stamp,
      'authorization',
      `AWS4-HMAC-SHA256 Credential=${credentials.accessKeyId}/${scope}, SignedHeaders=${names}, Signature=${signature}`,
    ];
    if (token !== undefined) headers.push('x-amz-security-token', token);
    return headers;
  };
}

function hmac(key: Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}

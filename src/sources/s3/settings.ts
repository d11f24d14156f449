/** How a bucket is reached. Everything left out comes from the AWS default chain (environment, profile, instance). */
export interface S3Settings {
  /** Base URL of another server than AWS, addressed in path style: `http://127.0.0.1:9000`. */
  readonly endpoint?: string;
  readonly region?: string;
  /** Profile of the shared AWS configuration. */
  readonly profile?: string;
  /** Role to assume with the credentials found. */
  readonly roleArn?: string;
  /** Unsigned requests, for public buckets. @default false */
  readonly anonymous?: boolean;
  readonly accessKeyId?: string;
  readonly secretAccessKey?: string;
  readonly sessionToken?: string;
  /** Keep-alive connections for small objects, 1–256. @default 128 */
  readonly connections?: number;
  /** Objects above this are streamed to a file of their own. @default 8 MiB */
  readonly smallObjectBytes?: number;
  /** Silence after which a request is given up and repeated. @default 30 s */
  readonly timeoutMs?: number;
  /** How often a request is made before its failure counts. @default 8 */
  readonly attempts?: number;
}

export type ResolvedS3Settings = S3Settings &
  Required<Pick<S3Settings, 'anonymous' | 'connections' | 'smallObjectBytes' | 'timeoutMs' | 'attempts'>>;

const defaults = {
  anonymous: false,
  connections: 128,
  smallObjectBytes: 8 * 1024 * 1024,
  timeoutMs: 30_000,
  attempts: 8,
} as const satisfies Partial<S3Settings>;

export function resolveS3Settings(settings: S3Settings): ResolvedS3Settings {
  const given = Object.fromEntries(Object.entries(settings).filter(([, v]) => v !== undefined));
  const merged = { ...defaults, ...given };
  return { ...merged, connections: Math.min(256, Math.max(1, Math.trunc(merged.connections))) };
}

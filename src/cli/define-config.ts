import type { Pipeline } from '../pipeline/define.ts';

/** What `sparkify.config.ts` exports by default. Flags and environment variables stand above it. */
export interface SparkifyConfig {
  /** `duckdb:PATH` (relative to the configuration file) or `postgresql://user@host:port/database`. @default 'duckdb:.sparkify/warehouse.duckdb' */
  readonly warehouse?: string;
  /** Pipelines, or paths of modules that export one by default, relative to the configuration file. */
  readonly pipelines?: readonly (Pipeline | string)[];
  /** Parameters by pipeline; `--set` stands above them. */
  readonly params?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  /** Where segments last when the warehouse is PostgreSQL: a folder, or `s3://bucket/prefix`. @default '.sparkify/segments' */
  readonly segments?: string;
  /** This machine's folder for segments that last in a bucket. @default a folder of that bucket in '.sparkify' */
  readonly segmentsCache?: string;
  readonly s3?: {
    readonly region?: string;
    /** Another server than AWS, addressed in path style, for example `http://127.0.0.1:9000`. */
    readonly endpoint?: string;
    readonly profile?: string;
    readonly roleArn?: string;
    /** Public buckets, without credentials. @default false */
    readonly anonymous?: boolean;
    /** Connections kept open for small objects, up to 256. @default 128 */
    readonly connections?: number;
  };
  /** What the engine may use, for example `512MB`. @default a share of the machine's memory */
  readonly memoryLimit?: string;
  /** @default the cores */
  readonly threads?: number;
  /**
   * Where runs, cells and events are kept: `sqlite:PATH` (relative to the configuration file), or
   * `postgresql://user@host:port/database` for several machines. @default 'sqlite:.sparkify/store.db'
   */
  readonly store?: string;
  /** Slots of each pool; a task takes one or more of its pool while it runs. */
  readonly pools?: Readonly<Record<string, number>>;
  /** Webhooks that are called when a run fails or is late, and when the pipeline works again. */
  readonly alerts?: readonly {
    /** http or https; may itself be a secret. */
    readonly webhook: string;
    /** Signs each call: `Sparkify-Signature: t=SECONDS,v1=HEX`, the HMAC-SHA256 of `SECONDS.BODY`. */
    readonly secret?: string;
    /** @default all */
    readonly on?: readonly ('failed' | 'late' | 'recovered')[];
  }[];
  /** Where `sparkify up` answers; beyond this machine everybody needs a token. */
  readonly server?: {
    /** @default '127.0.0.1' */
    readonly host?: string;
    /** @default 7380 */
    readonly port?: number;
    /** Names it is called by besides this machine's own, such as that of a proxy in front. */
    readonly hosts?: readonly string[];
  };
}

/** Gives a configuration its type; it returns what it is given. */
export function defineConfig(config: SparkifyConfig): SparkifyConfig {
  return config;
}

import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { createReadStream, statSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { SparkifyError } from '../core/errors.ts';
import { type FreeBytes, freeBytesOf } from '../core/free-bytes.ts';
import { type Bucket, openBucket, type S3Settings, type Timing } from '../sources/index.ts';
import { maskUrl } from '../sources/uri.ts';
import { asSegmentError } from './bucket-error.ts';
import { eachOf } from './each-of.ts';
import type { BringOptions, KeepOptions, KeptText, Owner, SegmentFile, SegmentStore } from './store.ts';

export interface BucketSegmentsOptions {
  /** `s3://bucket/prefix` */
  readonly url: string;
  /** Absolute path of this machine's folder: a cache of the segments, and a place for files under way. */
  readonly cache: string;
  readonly s3?: S3Settings;
  /** @default the system's clock, chance and timers */
  readonly timing?: Timing;
  /** @default what the file system says */
  readonly freeBytes?: FreeBytes;
}

const MARK = 'segments.id';
const OWNER = 'owner';
/** Files under way at a time: large ones fill the line, small ones wait for answers. */
const FILES_AT_ONCE = 16;
const HASH_DIGITS = 16;
const NAME_WITH_HASH = new RegExp(`-([0-9a-f]{${HASH_DIGITS}})\\.parquet$`, 'u');

/**
 * Segments that last in a bucket, with a folder of this machine as their cache. The bucket is reached when it is first
 * needed. Segments never change, and their names end in the beginning of their SHA-256: what lies in the folder with the
 * size that the ledger knows was compared with it when it came, and is never stale.
 */
export function bucketSegments(options: BucketSegmentsOptions): SegmentStore {
  return new BucketSegments(options);
}

class BucketSegments implements SegmentStore {
  readonly directory: string;
  readonly shown: string;
  readonly #options: BucketSegmentsOptions;
  #bucket: Promise<Bucket> | undefined;

  constructor(options: BucketSegmentsOptions) {
    this.directory = options.cache;
    this.shown = maskUrl(options.url);
    this.#options = options;
  }

  /**
   * Writes, lists, reads and removes a small object, as runs will do.
   * @throws SEGMENTS_REFUSED, SEGMENTS_UNREACHABLE
   */
  async check(): Promise<string> {
    return this.#with(async (bucket) => {
      const probe = `probe-${randomUUID()}`;
      const bytes = Buffer.from(probe);
      await bucket.put(probe, bytes);
      try {
        const listed = await bucket.list(probe);
        const read = await bucket.get(probe);
        if (!listed.includes(probe) || read === undefined || !bytes.equals(read))
          throw new SparkifyError('SEGMENTS_REFUSED', {
            store: this.shown,
            detail: 'an object that was just written there is not found, or is another',
            fix: 'Name a store whose reads and listings show what was written before, as those of S3 do.',
          });
      } finally {
        await bucket.remove(probe);
      }
      return this.#firstText(bucket, MARK, randomUUID());
    });
  }

  async claim(owner: () => Promise<Owner>): Promise<void> {
    const { id, shown } = await owner();
    const found = await this.#with((bucket) => this.#firstText(bucket, OWNER, `${id}\n${shown}`));
    const [foundId, foundShown = foundId!] = found.split('\n');
    if (foundId === id) return;
    throw new SparkifyError('SEGMENTS_TAKEN', { store: this.shown, owner: foundShown, object: OWNER });
  }

  /** Brings what the folder lacks, and what lies there with another size: a file that was cut. */
  async bring(files: readonly SegmentFile[], options: BringOptions = {}): Promise<void> {
    const lacking = [...new Map(files.map((f) => [f.path, f])).values()].filter(
      (f) => statSync(join(this.directory, f.path), { throwIfNoEntry: false })?.size !== f.sizeBytes,
    );
    if (lacking.length === 0) return;
    await this.#requireSpace(lacking);
    const { signal, onBrought } = options;
    let done = 0;
    onBrought?.(0, lacking.length);
    await this.#with((bucket) =>
      eachOf(lacking, { atOnce: FILES_AT_ONCE, signal }, async (file, stop) => {
        await this.#bringOne(bucket, file, stop);
        onBrought?.(++done, lacking.length);
      }),
    );
  }

  async keep(path: string, { failpoints, signal }: KeepOptions): Promise<string> {
    const sha256 = await sha256OfFile(join(this.directory, path));
    const named = path.replace(/\.parquet$/u, `-${sha256.slice(0, HASH_DIGITS)}.parquet`);
    const file = join(this.directory, named);
    await rename(join(this.directory, path), file);
    failpoints.hit('segment.before-upload');
    await this.#with((bucket) => bucket.putFile(named, file, sha256, signal));
    failpoints.hit('segment.after-upload');
    return named;
  }

  async holds(path: string): Promise<boolean> {
    return this.#with(async (bucket) => (await bucket.sizeOf(path)) !== undefined);
  }

  async kept(home: string): Promise<readonly string[]> {
    const keys = await this.#with((bucket) => bucket.list(`${home}/`));
    // Other objects are not ours to judge.
    return keys.filter((key) => key.endsWith('.parquet'));
  }

  async remove(paths: readonly string[]): Promise<void> {
    if (paths.length === 0) return;
    await this.#with((bucket) =>
      eachOf(paths, { atOnce: FILES_AT_ONCE }, async (path) => {
        await rm(join(this.directory, path), { force: true });
        await bucket.remove(path);
      }),
    );
  }

  async writeTexts(texts: readonly KeptText[]): Promise<void> {
    await this.#with((bucket) => eachOf(texts, { atOnce: FILES_AT_ONCE }, (t) => bucket.put(t.path, t.bytes)));
  }

  async readText(path: string): Promise<Uint8Array | undefined> {
    return this.#with((bucket) => bucket.get(path));
  }

  async close(): Promise<void> {
    const bucket = await this.#bucket?.catch(() => undefined);
    this.#bucket = undefined;
    await bucket?.close();
  }

  async #bringOne(bucket: Bucket, { path, sizeBytes }: SegmentFile, signal: AbortSignal): Promise<void> {
    const target = join(this.directory, path);
    await mkdir(dirname(target), { recursive: true });
    // A name that the next run clears when this one is killed.
    const unfinished = join(dirname(target), `${randomBytes(6).toString('hex')}.parquet.tmp`);
    const sha256 = NAME_WITH_HASH.exec(path)?.[1];
    const wanted = { sizeBytes, ...(sha256 === undefined ? {} : { sha256 }) };
    const outcome = await bucket.getFile(path, unfinished, wanted, signal);
    if (outcome === 'gone') throw new SparkifyError('SEGMENT_LOST', { path, store: this.shown });
    if (outcome !== 'brought')
      throw new SparkifyError('SEGMENT_DAMAGED', { path, store: this.shown, detail: outcome.other });
    await rename(unfinished, target);
  }

  async #requireSpace(files: readonly SegmentFile[]): Promise<void> {
    await mkdir(this.directory, { recursive: true });
    const neededBytes = files.reduce((sum, f) => sum + f.sizeBytes, 0);
    const freeBytes = await (this.#options.freeBytes ?? freeBytesOf)(this.directory);
    if (freeBytes < neededBytes)
      throw new SparkifyError('DISK_FULL_AHEAD', { directory: this.directory, neededBytes, freeBytes });
  }

  async #with<T>(work: (bucket: Bucket) => Promise<T>): Promise<T> {
    const { url, s3, timing } = this.#options;
    try {
      this.#bucket ??= openBucket(url, {
        cwd: '/',
        ...(s3 === undefined ? {} : { s3 }),
        ...(timing === undefined ? {} : { timing }),
      });
      return await work(await this.#bucket);
    } catch (error) {
      // What could not be opened may be opened another time.
      await this.#bucket?.catch(() => {
        this.#bucket = undefined;
      });
      throw asSegmentError(error, this.shown);
    }
  }

  /** The text of a small object, which whoever comes first gives it. */
  async #firstText(bucket: Bucket, key: string, text: string): Promise<string> {
    const read = async (): Promise<string | undefined> => {
      const bytes = await bucket.get(key);
      return bytes === undefined ? undefined : Buffer.from(bytes).toString('utf8').trim();
    };
    const known = await read();
    if (known !== undefined) return known;
    await bucket.putIfAbsent(key, Buffer.from(`${text}\n`));
    const given = await read();
    if (given !== undefined) return given;
    throw new SparkifyError('SEGMENTS_REFUSED', {
      store: this.shown,
      detail: `${key}, which was just written there, is gone`,
      fix: 'Look what else writes or removes objects there.',
    });
  }
}

async function sha256OfFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path, { highWaterMark: 1024 * 1024 })) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

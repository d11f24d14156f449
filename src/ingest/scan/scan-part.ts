import crypto, { createHash, type Hash } from 'node:crypto';
import { closeSync, fstatSync, openSync, readSync, type Stats } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { errorText, isSparkifyError, SparkifyError } from '../../core/errors.ts';
import { ObjectScanner } from './object-scanner.ts';
import type { PartInput, ScannedObject, ScannedPart, ScanPart } from './part.ts';
import { PartRows } from './part-rows.ts';
import type { ScanSpec } from './spec.ts';
import type { ObjectTotals } from './tally.ts';

/** A local file that changes under the reader is read so often before that is an error. */
const ATTEMPTS = 3;
const COMPRESSED_BLOCK_BYTES = 256 * 1024;

/** Scans parts one after the other, in the thread that calls it. */
export class PartScanner {
  readonly #rows: PartRows;
  readonly #scanner: ObjectScanner;

  constructor(spec: ScanSpec) {
    this.#rows = new PartRows(spec);
    this.#scanner = new ObjectScanner(spec, this.#rows);
  }

  /**
   * Reads, hashes and certifies the objects of a part, and writes their rows to its file.
   * @throws SOURCE_UNREADABLE, SOURCE_CHANGED, DISK_FULL
   */
  async scan(part: ScanPart): Promise<ScannedPart> {
    const attempts = new Map<PartInput, number>();
    try {
      for (;;) {
        this.#rows.begin(part.spoolPath);
        const objects: ScannedObject[] = [];
        const changed = await this.#objects(part.inputs, objects);
        if (changed === undefined) return { objects, file: this.#rows.end() };
        // Its first records may be in a row group that is written: the part is done anew.
        const attempt = (attempts.get(changed) ?? 0) + 1;
        if (attempt === ATTEMPTS) {
          const detail = 'it is being written while it is read';
          throw new SparkifyError('SOURCE_CHANGED', { object: changed.uri, detail });
        }
        attempts.set(changed, attempt);
      }
    } catch (error) {
      this.#rows.abandon();
      throw error;
    }
  }

  /** Scans until all is done or an input turns out to have changed meanwhile, which it gives. */
  async #objects(inputs: readonly PartInput[], objects: ScannedObject[]): Promise<PartInput | undefined> {
    const files = new OpenFiles();
    let input: PartInput | undefined;
    try {
      for (input of inputs) {
        const found = this.#object(input, files);
        const object = found instanceof Promise ? await found : found;
        if (object === undefined) return input;
        objects.push(object);
      }
      return undefined;
    } catch (error) {
      throw readError(error, input!);
    } finally {
      files.close();
    }
  }

  /** Undefined when it changed meanwhile. Not async where it can be helped: a promise per object is dear for very many. */
  #object(input: PartInput, files: OpenFiles): ScannedObject | undefined | Promise<ScannedObject | undefined> {
    const local = input.version === undefined;
    const fd = files.open(input);
    const before = fstatSync(fd);
    const length = local ? before.size : input.lengthBytes;
    const described = ({ totals, hash, atOnce }: Content): ScannedObject | undefined => {
      // What was read at once is a version by itself, whatever comes after; the older mtime lets it be read again.
      if (local && !atOnce && !same(before, fstatSync(fd))) return undefined;
      const { read, staged, quarantined, minEventMs, maxEventMs, positions, drift } = totals;
      const counts = { read, staged, quarantined, minEventMs, maxEventMs, positions, drift };
      const { uri, version = `sha256:${hash}` } = input;
      return { uri, version, sizeBytes: length, mtimeMs: local ? Math.trunc(before.mtimeMs) : undefined, ...counts };
    };
    const content = this.#content(fd, input.offset, length, local);
    return content instanceof Promise ? content.then(described) : described(content);
  }

  #content(fd: number, offset: number, length: number, hashed: boolean): Content | Promise<Content> {
    const scanner = this.#scanner;
    scanner.begin();
    let hash: Hash | undefined;
    let digest = '';
    for (let done = 0; done < length; ) {
      const space = scanner.space();
      const n = readSync(fd, space, 0, Math.min(space.length, length - done), offset + done);
      if (n === 0) break;
      if (done === 0 && n >= 2 && space[0] === 0x1f && space[1] === 0x8b) {
        return this.#compressed(fd, offset, length, hashed);
      }
      if (hashed) {
        const bytes = space.subarray(0, n);
        if (n === length) digest = sha256(bytes);
        else hash = (hash ?? createHash('sha256')).update(bytes);
      }
      done += n;
      scanner.advance(n);
    }
    if (hashed && digest === '') digest = (hash ?? createHash('sha256')).digest('hex');
    return { totals: scanner.finish(), hash: digest, atOnce: hash === undefined };
  }

  async #compressed(fd: number, offset: number, length: number, hashed: boolean): Promise<Content> {
    const scanner = this.#scanner;
    const hash = hashed ? createHash('sha256') : undefined;
    await pipeline(
      blocks(fd, offset, length, hash),
      createGunzip({ chunkSize: COMPRESSED_BLOCK_BYTES }),
      async (content: AsyncIterable<Buffer>) => {
        for await (const chunk of content) {
          for (let p = 0; p < chunk.length; ) {
            const n = chunk.copy(scanner.space(), 0, p);
            scanner.advance(n);
            p += n;
          }
        }
      },
    );
    return { totals: scanner.finish(), hash: hash?.digest('hex') ?? '', atOnce: false };
  }
}

interface Content {
  readonly totals: ObjectTotals;
  readonly hash: string;
  /** All its bytes came from one read. */
  readonly atOnce: boolean;
}

/** Node has the short way since 20.12. */
function sha256(bytes: Buffer): string {
  return typeof crypto.hash === 'function'
    ? crypto.hash('sha256', bytes, 'hex')
    : createHash('sha256').update(bytes).digest('hex');
}

function* blocks(fd: number, offset: number, length: number, hash: Hash | undefined): Generator<Buffer> {
  for (let done = 0; done < length; ) {
    const block = Buffer.allocUnsafe(Math.min(COMPRESSED_BLOCK_BYTES, length - done));
    const n = readSync(fd, block, 0, block.length, offset + done);
    if (n === 0) return;
    hash?.update(block.subarray(0, n));
    yield block.subarray(0, n);
    done += n;
  }
}

/** The file read last stays open: neighbours often lie in one packed file. */
class OpenFiles {
  #path: string | undefined;
  #fd = -1;

  open(input: PartInput): number {
    if (this.#path === input.path) return this.#fd;
    this.close();
    this.#fd = openSync(input.path, 'r');
    this.#path = input.path;
    return this.#fd;
  }

  close(): void {
    if (this.#path !== undefined) closeSync(this.#fd);
    this.#path = undefined;
  }
}

function same(a: Stats, b: Stats): boolean {
  return a.size === b.size && a.mtimeMs === b.mtimeMs;
}

function readError(error: unknown, input: PartInput): SparkifyError {
  if (isSparkifyError(error)) return error;
  const code = (error as NodeJS.ErrnoException).code ?? '';
  const detail = code.startsWith('Z_') ? `its gzip stream is damaged (${errorText(error)})` : errorText(error);
  return new SparkifyError('SOURCE_UNREADABLE', { object: input.uri, detail }, { cause: error });
}

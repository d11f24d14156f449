import crypto, { createHash, type Hash } from 'node:crypto';
import { closeSync, fstatSync, openSync, readSync, type Stats } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { errorText, isSparkifyError, SparkifyError } from '../../core/errors.ts';
import { ObjectScanner } from './object-scanner.ts';
import type { PartInput, ScannedObject, ScannedPart, ScanPart } from './part.ts';
import { PartOutput } from './part-output.ts';
import type { ScanSpec } from './spec.ts';
import type { ObjectTotals } from './tally.ts';

/** A local file that changes under the reader is read so often before that is an error. */
const ATTEMPTS = 3;
const COMPRESSED_BLOCK_BYTES = 256 * 1024;

/** Scans parts one after the other, in the thread that calls it. */
export class PartScanner {
  readonly #scanner: ObjectScanner;

  constructor(spec: ScanSpec) {
    this.#scanner = new ObjectScanner(spec);
  }

  /**
   * Reads, hashes and certifies the objects of a part, and spools what the engine cannot read in place.
   * @throws SOURCE_UNREADABLE, SOURCE_CHANGED, DISK_FULL
   */
  async scan(part: ScanPart): Promise<ScannedPart> {
    const output = new PartOutput(part.spoolPrefix);
    const objects: ScannedObject[] = [];
    const files = new OpenFiles();
    try {
      for (const [i, input] of part.inputs.entries()) objects.push(await this.#object(i, input, output, files));
      output.closeSpool();
      return { objects, files: output.files };
    } catch (error) {
      output.abandon();
      throw error;
    } finally {
      files.close();
    }
  }

  async #object(index: number, input: PartInput, output: PartOutput, files: OpenFiles): Promise<ScannedObject> {
    const local = input.version === undefined;
    for (let attempt = 1; ; attempt++) {
      try {
        const fd = files.open(input);
        const before = fstatSync(fd);
        const length = local ? before.size : input.lengthBytes;
        const whole = input.offset === 0 && length === before.size;
        output.start(
          index,
          whole ? { fd, path: input.path, sizeBytes: before.size, mtimeMs: before.mtimeMs } : undefined,
        );
        const content = this.#content(fd, input.offset, length, local, output);
        const { totals, hash, atOnce } = content instanceof Promise ? await content : content;
        // What was read at once is a version by itself, whatever comes after; the older mtime lets it be read again.
        if (!local || atOnce || same(before, fstatSync(fd))) {
          output.end(totals.staged);
          const version = local ? `sha256:${hash}` : input.version;
          return described(totals, input.uri, version, length, local ? Math.trunc(before.mtimeMs) : undefined);
        }
        output.rewind();
      } catch (error) {
        throw readError(error, input);
      }
      files.close();
      if (attempt === ATTEMPTS) {
        throw new SparkifyError('SOURCE_CHANGED', {
          object: input.uri,
          detail: 'it is being written while it is read',
        });
      }
    }
  }

  /** Not async where it can be helped: a promise per object is dear for a hundred thousand of them. */
  #content(
    fd: number,
    offset: number,
    length: number,
    hashed: boolean,
    output: PartOutput,
  ): Content | Promise<Content> {
    const scanner = this.#scanner;
    scanner.begin(output);
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

function described(
  totals: ObjectTotals,
  uri: string,
  version: string,
  sizeBytes: number,
  mtimeMs: number | undefined,
): ScannedObject {
  const { read, staged, quarantined, minEventMs, maxEventMs, positions, drift } = totals;
  return { uri, version, sizeBytes, mtimeMs, read, staged, quarantined, minEventMs, maxEventMs, positions, drift };
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

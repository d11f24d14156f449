import { createHash, type Hash } from 'node:crypto';
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
    for (let attempt = 1; ; attempt++) {
      try {
        const fd = files.open(input);
        const before = fstatSync(fd);
        const local = input.version === undefined;
        const length = local ? before.size : input.lengthBytes;
        const whole = input.offset === 0 && length === before.size;
        const hash = local ? createHash('sha256') : undefined;
        output.start(
          index,
          whole ? { fd, path: input.path, sizeBytes: before.size, mtimeMs: before.mtimeMs } : undefined,
        );
        const totals = await this.#content(fd, input.offset, length, hash, output);
        const unchanged = !local || same(before, fstatSync(fd));
        if (unchanged) output.end(totals.staged);
        if (!local) return { ...totals, uri: input.uri, version: input.version!, sizeBytes: length };
        if (unchanged) {
          const version = `sha256:${hash!.digest('hex')}`;
          return { ...totals, uri: input.uri, version, sizeBytes: length, mtimeMs: Math.trunc(before.mtimeMs) };
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

  async #content(
    fd: number,
    offset: number,
    length: number,
    hash: Hash | undefined,
    output: PartOutput,
  ): Promise<ObjectTotals> {
    const scanner = this.#scanner;
    scanner.begin(output);
    for (let done = 0; done < length; ) {
      const space = scanner.space();
      const n = readSync(fd, space, 0, Math.min(space.length, length - done), offset + done);
      if (n === 0) break;
      if (done === 0 && n >= 2 && space[0] === 0x1f && space[1] === 0x8b) {
        await this.#compressed(fd, offset, length, hash);
        break;
      }
      hash?.update(n === space.length ? space : space.subarray(0, n));
      done += n;
      scanner.advance(n);
    }
    return scanner.finish();
  }

  async #compressed(fd: number, offset: number, length: number, hash: Hash | undefined): Promise<void> {
    const scanner = this.#scanner;
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
  }
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

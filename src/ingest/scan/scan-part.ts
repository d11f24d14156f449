import crypto, { createHash, type Hash } from 'node:crypto';
import { closeSync, fstatSync, openSync, readSync, type Stats } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { errorText, isSparkifyError, SparkifyError } from '../../core/errors.ts';
import { unreadableFile } from '../../sources/local/errors.ts';
import { ObjectScanner } from './object-scanner.ts';
import type { PartInput } from './part.ts';
import { PartRows } from './part-rows.ts';
import type { ScanSpec } from './spec.ts';
import type { ObjectTotals } from './tally.ts';
import { Findings, type PackedScan } from './transport.ts';

/** A local file that changes under the reader is read so often before that is an error. */
const ATTEMPTS = 3;
/** Files up to here fit into the scanner's window. */
const SMALL_BYTES = 256 * 1024;
const COMPRESSED_BLOCK_BYTES = 256 * 1024;

/** Scans parts one after the other, in the thread that calls it. */
export class PartScanner {
  readonly spec: ScanSpec;
  readonly #rows: PartRows;
  readonly #scanner: ObjectScanner;

  constructor(spec: ScanSpec) {
    this.spec = spec;
    this.#rows = new PartRows(spec);
    this.#scanner = new ObjectScanner(spec, this.#rows);
  }

  /**
   * Reads, hashes and certifies the objects of a part, and writes their rows to its file.
   * @throws SOURCE_UNREADABLE, SOURCE_CHANGED, DISK_FULL
   */
  async scan(inputs: readonly PartInput[], spoolPath: string): Promise<PackedScan> {
    const attempts = new Map<PartInput, number>();
    try {
      for (;;) {
        this.#rows.begin(spoolPath);
        const found = new Findings(inputs.length);
        const changed = await this.#objects(inputs, found);
        if (changed === undefined) return found.packed(this.#rows.end());
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
  async #objects(inputs: readonly PartInput[], found: Findings): Promise<PartInput | undefined> {
    const files = new OpenFiles();
    let input: PartInput | undefined;
    try {
      for (input of inputs) {
        // Not awaited where it can be helped: a promise per object is dear for very many.
        const content = this.#small(input, files) ?? this.#large(input, files);
        const object = content instanceof Promise ? await content : content;
        if (object === 'changed') return input;
        const { totals, hash, sizeBytes, mtimeMs } = object;
        found.add(input, {
          hashed: `sha256:${hash}`,
          sizeBytes,
          mtimeMs,
          read: totals.read,
          staged: totals.staged,
          quarantined: totals.quarantined,
          minEventMs: totals.minEventMs,
          maxEventMs: totals.maxEventMs,
          positions: totals.positions,
          drift: totals.drift,
        });
      }
      return undefined;
    } catch (error) {
      throw readError(error, input!);
    } finally {
      files.close();
    }
  }

  /**
   * A local file that one read takes whole: what was read at once is a version by itself, and the older time of the listing
   * lets it be looked at again. Undefined when it is no such file.
   */
  #small(input: PartInput, files: OpenFiles): Content | undefined {
    const { version, mtimeMs, lengthBytes } = input;
    if (version !== undefined || mtimeMs === undefined || lengthBytes > SMALL_BYTES) return undefined;
    const scanner = this.#scanner;
    scanner.begin();
    const space = scanner.space();
    const n = readSync(files.open(input), space, 0, space.length, 0);
    if (n === space.length || isGzip(space, n)) return undefined;
    const hash = sha256(space.subarray(0, n));
    scanner.advance(n);
    return { totals: scanner.finish(), hash, sizeBytes: n, mtimeMs: Math.trunc(mtimeMs) };
  }

  #large(input: PartInput, files: OpenFiles): Content | 'changed' | Promise<Content | 'changed'> {
    const local = input.version === undefined;
    const fd = files.open(input);
    const before = fstatSync(fd);
    const sizeBytes = local ? before.size : input.lengthBytes;
    const known = { sizeBytes, mtimeMs: local ? Math.trunc(before.mtimeMs) : undefined };
    const unlessChanged = (bytes: ScannedBytes): Content | 'changed' =>
      local && !same(before, fstatSync(fd)) ? 'changed' : { ...bytes, ...known };
    const bytes = this.#bytes(fd, input.offset, sizeBytes, local);
    return bytes instanceof Promise ? bytes.then(unlessChanged) : unlessChanged(bytes);
  }

  #bytes(fd: number, offset: number, length: number, hashed: boolean): ScannedBytes | Promise<ScannedBytes> {
    const scanner = this.#scanner;
    scanner.begin();
    const hash = hashed ? createHash('sha256') : undefined;
    for (let done = 0; done < length; ) {
      const space = scanner.space();
      const n = readSync(fd, space, 0, Math.min(space.length, length - done), offset + done);
      if (n === 0) break;
      if (done === 0 && isGzip(space, n)) return this.#compressed(fd, offset, length, hashed);
      hash?.update(space.subarray(0, n));
      done += n;
      scanner.advance(n);
    }
    return { totals: scanner.finish(), hash: hash?.digest('hex') ?? '' };
  }

  async #compressed(fd: number, offset: number, length: number, hashed: boolean): Promise<ScannedBytes> {
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
    return { totals: scanner.finish(), hash: hash?.digest('hex') ?? '' };
  }
}

interface ScannedBytes {
  readonly totals: ObjectTotals;
  /** SHA-256 of a local file, in hexadecimal. */
  readonly hash: string;
}

interface Content extends ScannedBytes {
  readonly sizeBytes: number;
  readonly mtimeMs: number | undefined;
}

function isGzip(bytes: Buffer, count: number): boolean {
  return count >= 2 && bytes[0] === 0x1f && bytes[1] === 0x8b;
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
  if (!code.startsWith('Z_')) return unreadableFile(error, input.path, input.uri);
  const detail = `its gzip stream is damaged (${errorText(error)})`;
  return new SparkifyError('SOURCE_UNREADABLE', { object: input.uri, detail }, { cause: error });
}

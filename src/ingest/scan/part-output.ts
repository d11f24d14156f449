import { readSync } from 'node:fs';
import type { RecordOutput } from './output.ts';
import type { CertifiedFile } from './part.ts';
import { SpoolWriter } from './spool-writer.ts';

/** From this size on a file that is wholly good is read in place; smaller ones are cheaper in one spool file. */
const DIRECT_BYTES = 1024 * 1024;
const COPY_BYTES = 1024 * 1024;

/** An object's own file, as it may serve the engine in place. */
export interface OwnFile {
  readonly fd: number;
  readonly path: string;
  readonly sizeBytes: number;
  readonly mtimeMs: number;
}

/**
 * The certified files of one part. Per object: `start`, then the scanner's lines, then `end`. An object starts out
 * direct when its file may serve as it is; at its first byte that is not good, what was good before is copied to the
 * spool and the object goes on there.
 */
export class PartOutput implements RecordOutput {
  readonly files: CertifiedFile[] = [];
  readonly #prefix: string;
  #spool: SpoolWriter | undefined;
  #spoolBuffer: Buffer | undefined;
  #spoolRows = 0;
  #spoolFirst = 0;
  #spoolAtStart: SpoolWriter | undefined;
  #spoolBytesAtStart = 0;
  #own: OwnFile | undefined;
  /** Up to here the object's own file is good throughout. */
  #directTo = 0;
  #object = 0;

  constructor(spoolPrefix: string) {
    this.#prefix = spoolPrefix;
  }

  /** `own` is given when the object is all of an uncompressed file. */
  start(object: number, own: OwnFile | undefined): void {
    this.#object = object;
    this.#own = own !== undefined && own.sizeBytes >= DIRECT_BYTES ? own : undefined;
    this.#directTo = 0;
    this.#spoolAtStart = this.#spool;
    this.#spoolBytesAtStart = this.#spool?.sizeBytes ?? 0;
  }

  lines(bytes: Buffer, from: number, to: number, offset: number): void {
    if (this.#own !== undefined && offset === this.#directTo) {
      this.#directTo += to - from;
      return;
    }
    this.#writer().lines(bytes, from, to);
  }

  line(record: Uint8Array): void {
    this.#writer().line(record);
  }

  /** The object ended with so many staged records. */
  end(rows: number): void {
    const own = this.#own;
    if (own !== undefined && this.#directTo === own.sizeBytes) {
      if (rows === 0) return;
      this.closeSpool();
      const { path, sizeBytes, mtimeMs } = own;
      const objects = { firstObject: this.#object, endObject: this.#object + 1 };
      this.files.push({ path, rows, spooled: false, sizeBytes, mtimeMs, ...objects });
      return;
    }
    if (rows > 0) this.#writer();
    this.#spoolRows += rows;
  }

  /** Takes back what the object wrote since `start`: it is read again. */
  rewind(): void {
    if (this.#spool === undefined) return;
    if (this.#spool === this.#spoolAtStart) this.#spool.truncate(this.#spoolBytesAtStart);
    else this.abandon();
  }

  closeSpool(): void {
    const spool = this.#spool;
    if (spool === undefined) return;
    this.#spool = undefined;
    spool.close();
    const objects = { firstObject: this.#spoolFirst, endObject: this.#object + 1 };
    const { path, sizeBytes } = spool;
    this.files.push({ path, rows: this.#spoolRows, spooled: true, sizeBytes, mtimeMs: 0, ...objects });
    this.#spoolRows = 0;
  }

  /** Lets go of the open spool file after a failure. */
  abandon(): void {
    this.#spool?.close();
    this.#spool = undefined;
  }

  #writer(): SpoolWriter {
    if (this.#spool === undefined) {
      this.#spoolBuffer ??= Buffer.allocUnsafeSlow(COPY_BYTES);
      this.#spool = new SpoolWriter(`${this.#prefix}${this.files.length}.ndjson`, this.#spoolBuffer);
      this.#spoolFirst = this.#object;
    }
    const own = this.#own;
    if (own !== undefined) {
      this.#own = undefined;
      copyRange(own.fd, this.#directTo, this.#spool);
    }
    return this.#spool;
  }
}

function copyRange(fd: number, length: number, spool: SpoolWriter): void {
  const buffer = Buffer.allocUnsafe(Math.min(length, COPY_BYTES));
  for (let p = 0; p < length; ) {
    const n = readSync(fd, buffer, 0, Math.min(buffer.length, length - p), p);
    // The file shrank; the look at its size afterwards finds that.
    if (n === 0) return;
    spool.raw(buffer, 0, n);
    p += n;
  }
}

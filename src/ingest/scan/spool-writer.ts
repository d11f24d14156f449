import { closeSync, ftruncateSync, openSync, writeSync } from 'node:fs';
import { SparkifyError } from '../../core/errors.ts';

const BUFFER_BYTES = 1024 * 1024;
const NEWLINE = 0x0a;

/**
 * Writes good lines one after the other to a new file.
 * @throws DISK_FULL
 */
export class SpoolWriter {
  readonly path: string;
  readonly #fd: number;
  readonly #buffer: Buffer;
  #used = 0;
  #written = 0;

  constructor(path: string, buffer: Buffer = Buffer.allocUnsafeSlow(BUFFER_BYTES)) {
    this.path = path;
    this.#buffer = buffer;
    this.#fd = guarded(path, () => openSync(path, 'w', 0o600));
  }

  /** Whole lines; a line end is added where the last lacks it. */
  lines(bytes: Buffer, from: number, to: number): void {
    this.raw(bytes, from, to);
    if (to > from && bytes[to - 1] !== NEWLINE) this.#newline();
  }

  /** Bytes as they are, which may be cut anywhere. */
  raw(bytes: Buffer, from: number, to: number): void {
    const length = to - from;
    if (length > this.#buffer.length - this.#used) this.#flush();
    if (length > this.#buffer.length / 2) this.#write(bytes, from, to);
    else {
      bytes.copy(this.#buffer, this.#used, from, to);
      this.#used += length;
    }
  }

  /** One record, without its line end. */
  line(record: Uint8Array): void {
    this.lines(Buffer.from(record.buffer, record.byteOffset, record.byteLength), 0, record.length);
  }

  get sizeBytes(): number {
    return this.#written + this.#used;
  }

  /** Forgets everything behind the first `sizeBytes`. */
  truncate(sizeBytes: number): void {
    this.#flush();
    ftruncateSync(this.#fd, sizeBytes);
    this.#written = sizeBytes;
  }

  close(): void {
    try {
      this.#flush();
    } finally {
      closeSync(this.#fd);
    }
  }

  #newline(): void {
    if (this.#used === this.#buffer.length) this.#flush();
    this.#buffer[this.#used++] = NEWLINE;
  }

  #flush(): void {
    const used = this.#used;
    this.#used = 0;
    this.#write(this.#buffer, 0, used);
  }

  #write(bytes: Buffer, from: number, to: number): void {
    guarded(this.path, () => {
      for (let p = from; p < to; ) {
        const n = writeSync(this.#fd, bytes, p, to - p, this.#written);
        this.#written += n;
        p += n;
      }
    });
  }
}

function guarded<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOSPC' || code === 'EDQUOT' || code === 'EFBIG')
      throw new SparkifyError('DISK_FULL', { what: `the spool file ${path}` }, { cause: error });
    throw error;
  }
}

import { closeSync, openSync, writeSync } from 'node:fs';
import { SparkifyError } from '../../core/errors.ts';

/**
 * Writes bytes one behind the other to a new file.
 * @throws DISK_FULL
 */
export class SpoolWriter {
  readonly path: string;
  readonly #fd: number;

  constructor(path: string) {
    this.path = path;
    this.#fd = guarded(path, () => openSync(path, 'w', 0o600));
  }

  write(bytes: Uint8Array): void {
    guarded(this.path, () => {
      for (let p = 0; p < bytes.length; ) p += writeSync(this.#fd, bytes, p);
    });
  }

  close(): void {
    closeSync(this.#fd);
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

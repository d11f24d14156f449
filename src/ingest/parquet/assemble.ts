import { type FileHandle, open } from 'node:fs/promises';
import { footer, type ParquetColumn } from './footer.ts';
import type { RowGroup } from './format.ts';
import { MAGIC } from './format.ts';

const COPY_BYTES = 1024 * 1024;

/** A file of row groups alone, one behind the other. */
export interface RowGroupFile {
  readonly path: string;
  readonly groups: readonly RowGroup[];
}

/** Joins files of row groups, in order, to one Parquet file. It is not durable yet, and half a file when this throws. */
export async function assembleParquet(
  path: string,
  columns: readonly ParquetColumn[],
  files: readonly RowGroupFile[],
): Promise<void> {
  const target = await open(path, 'w');
  try {
    await target.writeFile(MAGIC);
    const buffer = Buffer.allocUnsafe(COPY_BYTES);
    for (const file of files) {
      const expected = file.groups.reduce((sum, g) => sum + g.sizeBytes, 0);
      const found = await append(target, file.path, buffer);
      if (found !== expected) throw new Error(`${file.path} has ${found} bytes instead of ${expected}`);
    }
    await target.writeFile(
      footer(
        columns,
        files.flatMap((f) => f.groups),
      ),
    );
  } finally {
    await target.close();
  }
}

async function append(target: FileHandle, path: string, buffer: Buffer): Promise<number> {
  const source = await open(path, 'r');
  try {
    for (let copied = 0; ; ) {
      const { bytesRead } = await source.read(buffer, 0, buffer.length, null);
      if (bytesRead === 0) return copied;
      copied += bytesRead;
      await target.writeFile(buffer.subarray(0, bytesRead));
    }
  } finally {
    await source.close();
  }
}

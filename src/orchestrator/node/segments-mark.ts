import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { errorText, SparkifyError } from '../../core/errors.ts';

const MARK = 'segments.id';

/**
 * The name of a folder of segments, the same for everybody who sees the same folder. It is given by whoever comes first.
 * @param makeId of a new folder
 * @throws WAREHOUSE_OPEN_FAILED
 */
export function segmentsId(directory: string, makeId: () => string): string {
  try {
    return readOrMake(directory, makeId);
  } catch (error) {
    throw new SparkifyError('WAREHOUSE_OPEN_FAILED', { target: directory, detail: errorText(error) }, { cause: error });
  }
}

function readOrMake(directory: string, makeId: () => string): string {
  mkdirSync(directory, { recursive: true });
  const path = join(directory, MARK);
  for (;;) {
    try {
      const id = readFileSync(path, 'utf8').trim();
      if (id !== '') return id;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
    try {
      writeFileSync(path, `${makeId()}\n`, { flag: 'wx' });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
  }
}

import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { errorText, SparkifyError } from '../core/errors.ts';

/** The parsed content of a JSON file. @throws USAGE when it cannot be read or parsed */
export async function readJsonFile(cwd: string, file: string, what: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(resolve(cwd, file), 'utf8'));
  } catch (error) {
    throw new SparkifyError(
      'USAGE',
      { detail: `The ${what} ${file} cannot be read: ${errorText(error)}`, fix: 'Name a file with valid JSON.' },
      { cause: error },
    );
  }
}

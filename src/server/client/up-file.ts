import { randomBytes } from 'node:crypto';
import { lstatSync } from 'node:fs';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** How other commands of the project find a running `up`; readable for this user alone. */
export interface UpFile {
  readonly pid: number;
  readonly url: string;
  readonly startedAtMs: number;
  /** What it works on, without a password. */
  readonly store?: string;
  /** Lets its bearer do everything. */
  readonly token: string;
}

export function upFilePath(projectDirectory: string): string {
  return join(projectDirectory, '.sparkify', 'up.json');
}

/** Whole or not at all. */
export async function writeUpFile(projectDirectory: string, up: UpFile): Promise<void> {
  const path = upFilePath(projectDirectory);
  await mkdir(join(projectDirectory, '.sparkify'), { recursive: true });
  const partial = `${path}.${randomBytes(6).toString('hex')}`;
  try {
    await writeFile(partial, `${JSON.stringify(up)}\n`, { mode: 0o600, flag: 'wx' });
    await rename(partial, path);
  } catch (error) {
    await rm(partial, { force: true });
    throw error;
  }
}

/** Takes the file away, unless another process has written its own by now. */
export async function removeUpFile(projectDirectory: string, own: Pick<UpFile, 'token'>): Promise<void> {
  const found = await readUpFile(projectDirectory);
  if (found?.token === own.token) await rm(upFilePath(projectDirectory), { force: true });
}

/** undefined when there is none, none that can be understood, or one that others could have written or read. */
export async function readUpFile(projectDirectory: string): Promise<UpFile | undefined> {
  const path = upFilePath(projectDirectory);
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found?.isFile() !== true || !isOwn(found)) return undefined;
  try {
    const up = JSON.parse(await readFile(path, 'utf8')) as Partial<UpFile>;
    const { pid, url, startedAtMs, store, token } = up;
    if (
      typeof pid !== 'number' ||
      typeof url !== 'string' ||
      typeof startedAtMs !== 'number' ||
      (store !== undefined && typeof store !== 'string') ||
      typeof token !== 'string'
    )
      return undefined;
    return { pid, url, startedAtMs, token, ...(store === undefined ? {} : { store }) };
  } catch {
    return undefined;
  }
}

/** Windows knows neither users nor modes in this form. */
function isOwn(file: { readonly uid: number; readonly mode: number }): boolean {
  const uid = process.getuid?.();
  return uid === undefined || (file.uid === uid && (file.mode & 0o077) === 0);
}

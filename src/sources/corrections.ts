import { createHash } from 'node:crypto';
import { mkdir, open, readFile, rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { SparkifyError } from '../core/errors.ts';

/** Records that took the place of quarantined ones: objects of their own, kept beside the segments for rebuilds. */
const SCHEME = 'corrections:';

function part(name: string): string {
  return encodeURIComponent(name).replaceAll('.', '%2E');
}

export function sha256Of(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** `corrections:<pipeline>/<staging>/<quarantine id>-<first 8 digits of the SHA-256>`. */
export function correctionUri(pipeline: string, staging: string, quarantineId: number, sha256: string): string {
  return `${SCHEME}${part(pipeline)}/${part(staging)}/${quarantineId}-${sha256.slice(0, 8)}`;
}

export function isCorrection(uri: string): boolean {
  return uri.startsWith(SCHEME);
}

function pathOf(segmentsDirectory: string, uri: string): string {
  const parts = uri.slice(SCHEME.length).split('/');
  if (!isCorrection(uri) || parts.length !== 3 || parts.some((p) => p === '' || p.includes('.')))
    throw new SparkifyError('INTERNAL', { detail: `"${uri}" names no correction` });
  return `${join(segmentsDirectory, 'corrections', ...parts)}.json`;
}

/** Keeps the bytes of a correction durably; whole or not at all. Writing the same again changes nothing. */
export async function keepCorrection(segmentsDirectory: string, uri: string, bytes: Uint8Array): Promise<void> {
  const path = pathOf(segmentsDirectory, uri);
  const there = await readFile(path).catch(() => undefined);
  if (there?.equals(bytes) === true) return;
  await mkdir(dirname(path), { recursive: true });
  const unfinished = `${path}.tmp`;
  try {
    const file = await open(unfinished, 'w');
    try {
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(unfinished, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
    throw new SparkifyError('DISK_FULL', { what: `the correction ${uri}` }, { cause: error });
  }
}

/** Makes the corrections of one staging, which were kept before, outlast a loss of power. */
export async function syncCorrections(segmentsDirectory: string, uri: string): Promise<void> {
  const folder = await open(dirname(pathOf(segmentsDirectory, uri)), 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** The bytes of a correction; undefined when they are gone. */
export async function readCorrection(segmentsDirectory: string, uri: string): Promise<Uint8Array | undefined> {
  return readFile(pathOf(segmentsDirectory, uri)).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
}

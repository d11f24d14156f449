import { createHash } from 'node:crypto';
import { SparkifyError } from '../core/errors.ts';
import type { SegmentReader, SegmentStore } from './store.ts';

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

function pathOf(uri: string): string {
  const parts = uri.slice(SCHEME.length).split('/');
  if (!isCorrection(uri) || parts.length !== 3 || parts.some((p) => p === '' || p.includes('.')))
    throw new SparkifyError('INTERNAL', { detail: `"${uri}" names no correction` });
  return `corrections/${parts.join('/')}.json`;
}

/** Keeps the bytes of corrections durably; each whole or not at all. Writing the same again changes nothing. */
export async function keepCorrections(
  store: Pick<SegmentStore, 'writeTexts'>,
  corrections: readonly { readonly uri: string; readonly bytes: Uint8Array }[],
): Promise<void> {
  await store.writeTexts(corrections.map(({ uri, bytes }) => ({ path: pathOf(uri), bytes })));
}

/** The bytes of a correction; undefined when they are gone. */
export async function readCorrection(
  store: Pick<SegmentReader, 'readText'>,
  uri: string,
): Promise<Uint8Array | undefined> {
  return store.readText(pathOf(uri));
}

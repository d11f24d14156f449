import { mkdir } from 'node:fs/promises';
import type { Chunk } from './chunks.ts';
import type { PartFile, PartInput, ScannedObject, ScannedPart } from './scan/part.ts';
import type { ScanPool } from './scan/pool.ts';

/** An object whose version the caller has already. */
export interface UnchangedObject {
  readonly uri: string;
  readonly version: string;
  readonly mtimeMs?: number;
}

/** A chunk after its scan, its parts joined in order. */
export interface ScannedChunk {
  readonly objects: readonly ScannedObject[];
  readonly files: readonly PartFile[];
  readonly unchanged: readonly UnchangedObject[];
  readonly spoolDirectory: string;
}

export type IsKnown = (uri: string, version: string) => boolean;

/** Scans a chunk into `spoolDirectory`, which it makes and the caller removes. */
export async function scanChunk(
  chunk: Chunk,
  pool: ScanPool,
  spoolDirectory: string,
  isKnown: IsKnown,
): Promise<ScannedChunk> {
  await mkdir(spoolDirectory, { recursive: true });
  const scanned = await Promise.all(
    chunk.parts.map((inputs, i) => scanPart(inputs, pool, `${spoolDirectory}/${i}.rows`, isKnown)),
  );
  const objects: ScannedObject[] = [];
  const files: PartFile[] = [];
  for (const { part } of scanned) {
    for (const object of part.objects) objects.push(object);
    if (part.file !== undefined) files.push(part.file);
  }
  const unchanged = scanned.flatMap((s) => s.unchanged);
  return { objects, files, unchanged, spoolDirectory };
}

async function scanPart(
  inputs: readonly PartInput[],
  pool: ScanPool,
  spoolPath: string,
  isKnown: IsKnown,
): Promise<{ part: ScannedPart; unchanged: readonly UnchangedObject[] }> {
  const unchanged: UnchangedObject[] = [];
  const wanted = inputs.filter((i) => {
    if (i.version === undefined || !isKnown(i.uri, i.version)) return true;
    unchanged.push({ uri: i.uri, version: i.version });
    return false;
  });
  for (let left = wanted; ; ) {
    const part: ScannedPart =
      left.length === 0 ? { objects: [], file: undefined } : await pool.scan({ inputs: left, spoolPath });
    // A hash is known only after the reading. Touched files without a change are rare, so the part is simply redone without them.
    const known = part.objects.filter((o) => isKnown(o.uri, o.version));
    if (known.length === 0) return { part, unchanged };
    for (const { uri, version, mtimeMs } of known) {
      unchanged.push({ uri, version, ...(mtimeMs === undefined ? {} : { mtimeMs }) });
    }
    const uris = new Set(known.map((o) => o.uri));
    left = left.filter((i) => !uris.has(i.uri));
  }
}

import { mkdirSync } from 'node:fs';
import type { FetchedObject } from '../sources/source.ts';
import type { Chunk } from './chunks.ts';
import type { RowGroupFile } from './parquet/assemble.ts';
import type { ScannedPart } from './scan/part.ts';
import type { ScanPool } from './scan/pool.ts';
import type { ScanSpec } from './scan/spec.ts';
import type { QuarantinedRecord, StagedObject } from './staged.ts';

/** An object whose version the caller has already. */
export interface UnchangedObject {
  readonly uri: string;
  readonly version: string;
  readonly mtimeMs?: number;
}

/** A chunk after its scan, its parts joined in order. */
export interface ScannedChunk {
  readonly objects: readonly StagedObject[];
  readonly quarantined: readonly QuarantinedRecord[];
  readonly rows: number;
  readonly files: readonly RowGroupFile[];
  readonly unchanged: readonly UnchangedObject[];
  readonly spoolDirectory: string;
}

export type IsKnown = (uri: string, version: string) => boolean;

/** Scans a chunk into `spoolDirectory`, which it makes and the caller removes. */
export async function scanChunk(
  chunk: Chunk,
  pool: ScanPool,
  spec: ScanSpec,
  spoolDirectory: string,
  isKnown?: IsKnown,
): Promise<ScannedChunk> {
  mkdirSync(spoolDirectory, { recursive: true });
  const scanned = await Promise.all(
    chunk.parts.map((inputs, i) => {
      const scan = (left: readonly FetchedObject[]) =>
        pool.scan(spec, { inputs: left, spoolPath: `${spoolDirectory}/${i}.rows` });
      return scanPart(inputs, scan, isKnown);
    }),
  );
  const objects: StagedObject[] = [];
  const quarantined: QuarantinedRecord[] = [];
  const files: RowGroupFile[] = [];
  let rows = 0;
  for (const { part } of scanned) {
    const [firstObject, firstRow] = [objects.length, rows];
    for (const object of part.objects) {
      object.firstRow += firstRow;
      objects.push(object);
      rows += object.staged;
    }
    for (const record of part.quarantined) quarantined.push({ ...record, object: firstObject + record.object });
    if (part.file !== undefined) files.push(part.file);
  }
  const unchanged = scanned.flatMap((s) => s.unchanged);
  return { objects, quarantined, rows, files, unchanged, spoolDirectory };
}

async function scanPart(
  inputs: readonly FetchedObject[],
  scan: (left: readonly FetchedObject[]) => Promise<ScannedPart>,
  isKnown: IsKnown | undefined,
): Promise<{ part: ScannedPart; unchanged: readonly UnchangedObject[] }> {
  const unchanged: UnchangedObject[] = [];
  if (isKnown === undefined) return { part: await scan(inputs), unchanged };
  const wanted = inputs.filter(({ object: { uri }, version }) => {
    if (version === undefined || !isKnown(uri, version)) return true;
    unchanged.push({ uri, version });
    return false;
  });
  for (let left = wanted; ; ) {
    const part: ScannedPart = left.length === 0 ? { objects: [], quarantined: [], file: undefined } : await scan(left);
    // A hash is known only after the reading. Touched files without a change are rare, so the part is simply redone without them.
    const known = part.objects.filter((o) => isKnown(o.uri, o.version));
    if (known.length === 0) return { part, unchanged };
    for (const { uri, version, mtimeMs } of known) {
      unchanged.push({ uri, version, ...(mtimeMs === undefined ? {} : { mtimeMs }) });
    }
    const uris = new Set(known.map((o) => o.uri));
    left = left.filter((i) => !uris.has(i.object.uri));
  }
}

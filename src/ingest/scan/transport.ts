import type { QuarantinedRecord, StagedObject } from '../staged.ts';
import {
  NO_DRIFT,
  NO_POSITIONS,
  type PartInput,
  type ScannedObject,
  type ScannedPart,
  type ScanPart,
  stagedObject,
} from './part.ts';

/**
 * Parts as they cross threads: texts and numbers in arrays of their own. With a hundred thousand small objects, copying one
 * by one is what one waits for.
 */
export interface PackedPart {
  readonly spoolPath: string;
  readonly uris: readonly string[];
  /** By index, where it is not what the URI says. */
  readonly paths: ReadonlyMap<number, string>;
  /** By index; of local files there are none. */
  readonly versions: ReadonlyMap<number, string>;
  /** offset, lengthBytes, mtimeMs of each; NaN for none. */
  readonly numbers: Float64Array;
}

export interface PackedScan {
  readonly versions: readonly string[];
  /** sizeBytes, mtimeMs, read, staged, quarantined, firstRow, minEventMs, maxEventMs of each; NaN for none. */
  readonly numbers: Float64Array;
  /** By index: what most objects lack. */
  readonly peculiar: ReadonlyMap<number, Peculiarities>;
  readonly quarantined: readonly QuarantinedRecord[];
  readonly file: ScannedPart['file'];
}

type Peculiarities = Pick<StagedObject, 'positions' | 'drift'>;

export function packPart({ inputs, spoolPath }: ScanPart): PackedPart {
  const numbers = new Float64Array(3 * inputs.length);
  const uris: string[] = [];
  const paths = new Map<number, string>();
  const versions = new Map<number, string>();
  let at = 0;
  for (const { object, path, offset, lengthBytes, version } of inputs) {
    const { uri } = object;
    if (pathOf(uri) !== path) paths.set(uris.length, path);
    if (version !== undefined) versions.set(uris.length, version);
    uris.push(uri);
    numbers[at++] = offset;
    numbers[at++] = lengthBytes;
    numbers[at++] = object.mtimeMs ?? Number.NaN;
  }
  return { spoolPath, uris, paths, versions, numbers };
}

export function unpackPart({ uris, paths, versions, numbers }: PackedPart): readonly PartInput[] {
  return uris.map((uri, i) => {
    const path = paths.get(i) ?? pathOf(uri);
    const input = { uri, path, offset: numbers[3 * i]!, lengthBytes: numbers[3 * i + 1]! };
    const version = versions.get(i);
    if (version !== undefined) return { ...input, version };
    const mtimeMs = numbers[3 * i + 2]!;
    return Number.isNaN(mtimeMs) ? input : { ...input, mtimeMs };
  });
}

/** The path of most local files. */
function pathOf(uri: string): string {
  return uri.slice('file://'.length);
}

const NUMBERS = 8;

export function packScan({ objects, quarantined, file }: ScannedPart): PackedScan {
  const numbers = new Float64Array(NUMBERS * objects.length);
  const peculiar = new Map<number, Peculiarities>();
  for (const [i, o] of objects.entries()) {
    const { mtimeMs = Number.NaN, minEventMs = Number.NaN, maxEventMs = Number.NaN, positions, drift } = o;
    const counts = [o.sizeBytes, mtimeMs, o.read, o.staged, o.quarantined, o.firstRow, minEventMs, maxEventMs];
    numbers.set(counts, NUMBERS * i);
    if (positions.length > 0 || drift !== NO_DRIFT) peculiar.set(i, { positions, drift });
  }
  return { versions: objects.map((o) => o.version), numbers, peculiar, quarantined, file };
}

/** `part` is what was asked for: its objects' names did not cross. */
export function unpackScan(part: ScanPart, packed: PackedScan): ScannedPart {
  const { numbers, peculiar, quarantined, file } = packed;
  const objects = packed.versions.map((version, i): ScannedObject => {
    const at = NUMBERS * i;
    const mtimeMs = numbers[at + 1]!;
    const minEventMs = numbers[at + 6]!;
    const rest = peculiar.get(i);
    return stagedObject({
      uri: part.inputs[i]!.object.uri,
      version,
      sizeBytes: numbers[at]!,
      mtimeMs: Number.isNaN(mtimeMs) ? undefined : mtimeMs,
      read: numbers[at + 2]!,
      staged: numbers[at + 3]!,
      quarantined: numbers[at + 4]!,
      firstRow: numbers[at + 5]!,
      minEventMs: Number.isNaN(minEventMs) ? undefined : minEventMs,
      maxEventMs: Number.isNaN(minEventMs) ? undefined : numbers[at + 7]!,
      positions: rest?.positions ?? NO_POSITIONS,
      drift: rest?.drift ?? NO_DRIFT,
    });
  });
  return { objects, quarantined, file };
}

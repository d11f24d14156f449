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
  /** One behind the other: a URI holds no line end. */
  readonly uris: string;
  /** By index, where it is not what the URI says. */
  readonly paths: ReadonlyMap<number, string>;
  /** By index; of local files there are none. */
  readonly versions: ReadonlyMap<number, string>;
  /** offset, lengthBytes, mtimeMs of each; NaN for none. */
  readonly numbers: Float64Array;
}

export interface PackedScan {
  /** Of the objects that were hashed, one behind the other: they are all of one length. */
  readonly hashed: string;
  /** sizeBytes, mtimeMs, read, staged, quarantined, firstRow, minEventMs, maxEventMs of each; NaN for none. */
  readonly numbers: Float64Array;
  /** By index: what most objects lack. */
  readonly peculiar: ReadonlyMap<number, Peculiarities>;
  readonly quarantined: readonly QuarantinedRecord[];
  readonly file: ScannedPart['file'];
}

type Peculiarities = Pick<StagedObject, 'positions' | 'drift'>;

const URI_END = '\n';

export function packPart({ inputs, spoolPath }: ScanPart): PackedPart {
  const numbers = new Float64Array(3 * inputs.length);
  const uris: string[] = [];
  const paths = new Map<number, string>();
  const versions = new Map<number, string>();
  let at = 0;
  for (const { object, path, offset, lengthBytes, version } of inputs) {
    const { uri } = object;
    if (uri.length !== path.length + FILE_SCHEME.length || !uri.endsWith(path)) paths.set(uris.length, path);
    if (version !== undefined) versions.set(uris.length, version);
    uris.push(uri);
    numbers[at++] = offset;
    numbers[at++] = lengthBytes;
    numbers[at++] = object.mtimeMs ?? Number.NaN;
  }
  return { spoolPath, uris: uris.join(URI_END), paths, versions, numbers };
}

export function unpackPart({ uris, paths, versions, numbers }: PackedPart): readonly PartInput[] {
  if (numbers.length === 0) return [];
  const inputs: PartInput[] = [];
  // All of one shape: what a hundred thousand are asked for is then found at once.
  for (const uri of uris.split(URI_END)) {
    const i = inputs.length;
    const path = paths.size === 0 ? pathOf(uri) : (paths.get(i) ?? pathOf(uri));
    const version = versions.size === 0 ? undefined : versions.get(i);
    const mtimeMs = numbers[3 * i + 2]!;
    inputs.push({
      uri,
      path,
      offset: numbers[3 * i]!,
      lengthBytes: numbers[3 * i + 1]!,
      mtimeMs: version !== undefined || Number.isNaN(mtimeMs) ? undefined : mtimeMs,
      version,
    });
  }
  return inputs;
}

const PATH_END = '\0';

export function packPaths(paths: readonly string[]): string {
  return paths.join(PATH_END);
}

/** What `packPaths` was given, which was not nothing. */
export function unpackPaths(paths: string): readonly string[] {
  return paths.split(PATH_END);
}

const FILE_SCHEME = 'file://';

/** The path of most local files. */
function pathOf(uri: string): string {
  return uri.slice(FILE_SCHEME.length);
}

const NUMBERS = 8;

/** What one object gave. */
export interface FoundObject extends Peculiarities, Pick<StagedObject, 'sizeBytes' | 'read' | 'staged'> {
  /** Of an object that came without a version. */
  readonly hashed: string;
  readonly mtimeMs: number | undefined;
  readonly quarantined: readonly Omit<QuarantinedRecord, 'object'>[];
  readonly minEventMs: number | undefined;
  readonly maxEventMs: number | undefined;
}

/** What the objects of a part gave, one added after the other, as it crosses threads. */
export class Findings {
  readonly #numbers: Float64Array;
  readonly #hashed: string[] = [];
  readonly #peculiar = new Map<number, Peculiarities>();
  readonly #quarantined: QuarantinedRecord[] = [];
  #count = 0;
  #rows = 0;

  constructor(objects: number) {
    this.#numbers = new Float64Array(NUMBERS * objects);
  }

  add(input: Pick<PartInput, 'version'>, found: FoundObject): void {
    const { quarantined, positions, drift } = found;
    if (quarantined.length > 0)
      for (const record of quarantined) this.#quarantined.push({ object: this.#count, ...record });
    if (positions.length > 0 || drift !== NO_DRIFT) this.#peculiar.set(this.#count, { positions, drift });
    if (input.version === undefined) this.#hashed.push(found.hashed);
    const numbers = this.#numbers;
    const at = NUMBERS * this.#count++;
    numbers[at] = found.sizeBytes;
    numbers[at + 1] = found.mtimeMs ?? Number.NaN;
    numbers[at + 2] = found.read;
    numbers[at + 3] = found.staged;
    numbers[at + 4] = quarantined.length;
    numbers[at + 5] = this.#rows;
    numbers[at + 6] = found.minEventMs ?? Number.NaN;
    numbers[at + 7] = found.maxEventMs ?? Number.NaN;
    this.#rows += found.staged;
  }

  packed(file: ScannedPart['file']): PackedScan {
    return {
      hashed: this.#hashed.join(''),
      numbers: this.#numbers,
      peculiar: this.#peculiar,
      quarantined: this.#quarantined,
      file,
    };
  }
}

/** `part` is what was asked for: what is known of its objects did not cross. */
export function unpackScan(part: ScanPart, packed: PackedScan): ScannedPart {
  const { hashed, numbers, peculiar, quarantined, file } = packed;
  const { inputs } = part;
  const length = hashed.length / inputs.reduce((n, input) => (input.version === undefined ? n + 1 : n), 0);
  const objects: ScannedObject[] = [];
  for (let i = 0, at = 0, from = 0; i < inputs.length; i++, at += NUMBERS) {
    const { object, version = hashed.slice(from, from + length) } = inputs[i]!;
    if (inputs[i]!.version === undefined) from += length;
    const mtimeMs = numbers[at + 1]!;
    const minEventMs = numbers[at + 6]!;
    const rest = peculiar.size === 0 ? undefined : peculiar.get(i);
    objects.push(
      stagedObject({
        uri: object.uri,
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
      }),
    );
  }
  return { objects, quarantined, file };
}

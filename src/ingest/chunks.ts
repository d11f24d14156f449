import type { FetchedObject } from '../sources/source.ts';

/** Objects that become one segment, in parts that threads scan side by side. */
export interface Chunk {
  readonly parts: readonly (readonly FetchedObject[])[];
  readonly objects: number;
  readonly sizeBytes: number;
}

/** A part ends at either; small files cost by their number, large ones by their bytes. */
const PART_OBJECTS = 8_000;
const PARTS_PER_CHUNK = 4;
/** For less, another part costs more than the thread that would have it saves. */
const LEAST_PART_BYTES = 4 * 1024 * 1024;
/** Keeps what is said about a segment's objects small, and records one segment's while the next one's are scanned. */
const CHUNK_OBJECTS = 24_000;

/** Cuts fetched objects, in order, into chunks of about `chunkBytes`; an object is never split. */
export async function* chunksOf(
  batches: AsyncIterable<readonly FetchedObject[]>,
  chunkBytes: number,
): AsyncGenerator<Chunk, void> {
  let inputs: FetchedObject[] = [];
  let sizeBytes = 0;
  for await (const batch of batches) {
    for (const fetched of batch) {
      inputs.push(fetched);
      sizeBytes += fetched.lengthBytes;
      if (sizeBytes < chunkBytes && inputs.length < CHUNK_OBJECTS) continue;
      yield { parts: partsOf(inputs, sizeBytes), objects: inputs.length, sizeBytes };
      inputs = [];
      sizeBytes = 0;
    }
  }
  if (inputs.length > 0) yield { parts: partsOf(inputs, sizeBytes), objects: inputs.length, sizeBytes };
}

function partsOf(inputs: readonly FetchedObject[], chunkBytes: number): readonly (readonly FetchedObject[])[] {
  const partBytes = Math.max(chunkBytes / PARTS_PER_CHUNK, LEAST_PART_BYTES);
  const parts: FetchedObject[][] = [];
  let part: FetchedObject[] = [];
  let sizeBytes = 0;
  for (const input of inputs) {
    part.push(input);
    sizeBytes += input.lengthBytes;
    if (sizeBytes < partBytes && part.length < PART_OBJECTS) continue;
    parts.push(part);
    part = [];
    sizeBytes = 0;
  }
  if (part.length > 0) parts.push(part);
  return parts;
}

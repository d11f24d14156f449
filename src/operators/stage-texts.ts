import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { ingest } from '../ingest/ingest.ts';
import { pipelineFolder } from '../ingest/pipeline-folder.ts';
import type { StagedSegment } from '../ingest/staged.ts';
import type { Staging } from '../pipeline/tables.ts';
import type { FetchedObject, ListedObject, Source } from '../sources/source.ts';
import type { RunState } from './run-state.ts';

/** Bytes at hand that are to be read as an object of a source would be. */
export interface Text {
  readonly uri: string;
  readonly version: string;
  readonly bytes: Uint8Array;
}

/** Reads texts as objects of a staging into one segment, which is durable but recorded nowhere yet; none gives undefined. */
export async function segmentOfTexts(
  state: RunState,
  staging: Staging,
  texts: readonly Text[],
): Promise<StagedSegment | undefined> {
  const segments = ingest({
    staging,
    source: sourceOf(texts),
    objects: texts.map(listed),
    segments: state.options.warehouse.segments,
    folder: pipelineFolder(state.options.pipeline.name),
    session: state.session,
    failpoints: state.options.failpoints,
    signal: state.options.signal,
    chunkBytes: Number.MAX_SAFE_INTEGER,
    workers: 0,
  });
  for await (const segment of segments) return segment;
  return undefined;
}

function listed(text: Text): ListedObject {
  return { uri: text.uri, key: text.uri, sizeBytes: text.bytes.length, version: text.version };
}

/** The texts as a remote source would bring them: packed into one file of the directory it is given. */
function sourceOf(texts: readonly Text[]): Source {
  return {
    root: 'corrections:',
    list: async () => ({ root: 'corrections:', objects: texts.map(listed), skipped: [], listedAtMs: 0 }),
    async *fetch(_objects, { directory }) {
      const path = join(directory, 'texts');
      const file = await open(path, 'wx');
      const fetched: FetchedObject[] = [];
      let offset = 0;
      try {
        for (const t of texts) {
          await file.writeFile(t.bytes);
          fetched.push({ object: listed(t), path, offset, lengthBytes: t.bytes.length, version: t.version });
          offset += t.bytes.length;
        }
      } finally {
        await file.close();
      }
      yield fetched;
    },
    readVersion: async (uri, version) => texts.find((t) => t.uri === uri && t.version === version)?.bytes,
    close: async () => undefined,
  };
}

import { createHash } from 'node:crypto';
import { realpathSync, statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { Clock } from '../../core/clock.ts';
import { SparkifyError } from '../../core/errors.ts';
import { selectKeys } from '../selection.ts';
import type { FetchedObject, Source } from '../source.ts';
import { fileUri } from '../uri.ts';
import { localError, unreadableFile } from './errors.ts';
import { isInside, walk } from './walk.ts';

/** Objects a batch names: enough to keep a scanner busy, little enough to begin early. */
const BATCH_OBJECTS = 4_096;

/** The version of a local file's content, as the ledger keeps it. */
export function contentVersion(bytes: Uint8Array): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

/**
 * A folder as a source.
 * @param root absolute, without a final `/`
 * @throws SOURCE_NOT_FOUND, SOURCE_ACCESS_DENIED
 */
export function openLocalSource(root: string, options: { readonly clock: Clock }): Source {
  const rootUri = root === '/' ? 'file:///' : `${fileUri(root)}/`;
  requireFolder(root);
  return {
    root: rootUri,
    list: async (listOptions) => {
      const listedAtMs = options.clock.nowMs();
      requireFolder(root);
      const selection = selectKeys(listOptions);
      const { signal, lookAside } = listOptions;
      const found = await walk(root, {
        selection,
        ...(signal === undefined ? {} : { signal }),
        ...(lookAside === undefined ? {} : { lookAside }),
      });
      return { root: rootUri, ...found, listedAtMs };
    },
    fetch: async function* (objects, { signal }) {
      for (let from = 0; from < objects.length; from += BATCH_OBJECTS) {
        signal?.throwIfAborted();
        yield objects.slice(from, from + BATCH_OBJECTS).map((object): FetchedObject => {
          // The usual name needs no decoding, which for 100,000 files is worth its line.
          const path = object.uri.includes('%') ? fileURLToPath(object.uri) : object.uri.slice('file://'.length);
          return { object, path, offset: 0, lengthBytes: object.sizeBytes };
        });
      }
    },
    readVersion: async (uri, version) => {
      if (!uri.startsWith(rootUri)) return undefined;
      const path = fileURLToPath(uri);
      try {
        if (!isInside(realpathSync(root), realpathSync(path))) return undefined;
        const bytes = await readFile(path);
        return contentVersion(bytes) === version ? bytes : undefined;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
        throw unreadableFile(error, path);
      }
    },
    close: async () => {},
  };
}

function requireFolder(root: string): void {
  let isFolder: boolean;
  try {
    isFolder = statSync(root).isDirectory();
  } catch (error) {
    throw localError(error, root, 'read');
  }
  if (isFolder) return;
  throw new SparkifyError('SOURCE_NOT_FOUND', {
    source: root,
    detail: 'it is a file, and a source is a folder of files',
    fix: `Name the folder it lies in: ${root.slice(0, root.lastIndexOf('/')) || '/'}`,
  });
}

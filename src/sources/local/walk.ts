import { type Dirent, readdirSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { mayHold, type Selection } from '../selection.ts';
import type { ListedObject, Listing } from '../source.ts';
import { encodePath, fileUri } from '../uri.ts';
import { localError } from './errors.ts';
import { type LookAtFiles, look } from './look.ts';

export interface WalkOptions {
  readonly selection: Selection;
  readonly signal?: AbortSignal;
  /** Reads one folder. @default readdirSync with file types */
  readonly readFolder?: (path: string) => readonly Dirent[];
  /** Looks at very many files while this thread reads the next folders. @default all in this thread */
  readonly lookAside?: LookAtFiles;
}

interface Folder {
  readonly path: string;
  /** Key below the root, with a final `/`; '' for the root. */
  readonly key: string;
  /** Real paths of this folder and of all those it was reached through. */
  readonly reals: readonly string[];
}

/** The walk gives the event loop a turn after this many entries: a few milliseconds, so that what runs beside it gets on. */
const TURN_ENTRIES = 500;

/** For fewer files, starting threads that look at them takes longer than it saves. */
const FILES_BEFORE_ASIDE = 16_000;
/** So many are looked at in one go: often enough to keep two threads busy, seldom enough to cost nothing. */
const FILES_ASIDE = 4_000;

/**
 * Lists the regular files under a folder, in byte order of their URIs. Synchronous calls in short turns: 100,000 files
 * in well under a second, where one promise per file takes several.
 *
 * Links: a link to a file inside the root is read under the link's name; a link to a folder inside the root is entered
 * unless that would be a loop or a second time; what lies outside the root is skipped with a reason.
 * @throws SOURCE_ACCESS_DENIED, SOURCE_UNREADABLE for any folder that cannot be read: half a listing is no listing
 */
export async function walk(root: string, options: WalkOptions): Promise<Pick<Listing, 'objects' | 'skipped'>> {
  const { selection, signal } = options;
  const readFolder = options.readFolder ?? ((path) => readdirSync(path, { withFileTypes: true }));
  const realRoot = realpathSync(root);
  const objects: ListedObject[] = [];
  const skipped: { key: string; reason: string }[] = [];
  const enteredByLink = new Set<string>();
  const base = root === '/' ? '' : root;
  const rootUri = fileUri(base);
  const stack: Folder[] = [{ path: base, key: '', reals: [realRoot] }];
  let entries = 0;

  const add = (key: string, sizeBytes: number, mtimeMs: number): void => {
    if (!Number.isNaN(sizeBytes))
      objects.push({ uri: `${rootUri}/${encodePath(key)}`, key, sizeBytes, mtimeMs: Math.trunc(mtimeMs) });
    // Removed since the folder was read, unless the name could not even be expressed.
    else if (key.slice(key.lastIndexOf('/') + 1).includes('\uFFFD'))
      skipped.push({ key, reason: 'its name is not valid UTF-8' });
  };

  let aside: string[] = [];
  const asides: Promise<void>[] = [];
  const lookAtAside = (lookAside: LookAtFiles): void => {
    const keys = aside;
    aside = [];
    const done = lookAside(keys.map((key) => `${base}/${key}`)).then((seen) => {
      for (let i = 0; i < keys.length; i++) add(keys[i]!, seen[2 * i]!, seen[2 * i + 1]!);
    });
    // Met again at the end; until then it must not count as unhandled.
    done.catch(() => undefined);
    asides.push(done);
  };

  let files = 0;
  const addFile = (key: string): void => {
    const verdict = selection.judge(key);
    if (verdict === 'leave') return;
    if (verdict !== 'take') {
      skipped.push({ key, reason: verdict.reason });
      return;
    }
    if (options.lookAside !== undefined && ++files > FILES_BEFORE_ASIDE) {
      aside.push(key);
      if (aside.length === FILES_ASIDE) lookAtAside(options.lookAside);
      return;
    }
    const stat = look(`${base}/${key}`);
    add(key, stat?.size ?? Number.NaN, stat?.mtimeMs ?? Number.NaN);
  };

  const enter = (folder: Folder, name: string, real: string): void => {
    const key = `${folder.key}${name}/`;
    if (!mayHold(selection.prefixes, key)) return;
    stack.push({
      path: `${folder.path}/${name}`,
      key,
      reals: [...folder.reals, real],
    });
  };

  const followLink = (folder: Folder, name: string): void => {
    const key = folder.key + name;
    const path = `${folder.path}/${name}`;
    let real: string;
    try {
      real = realpathSync(path);
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code;
      if (code !== 'ENOENT' && code !== 'ELOOP') throw localError(error, path, 'read');
      skipped.push({
        key,
        reason: code === 'ELOOP' ? 'it is a link that leads back to itself' : 'it is a link to nothing',
      });
      return;
    }
    if (!isInside(realRoot, real)) {
      skipped.push({ key, reason: 'it is a link that leads out of the source' });
      return;
    }
    const stat = look(real);
    if (stat === undefined) return;
    if (stat.isFile()) addFile(key);
    else if (!stat.isDirectory()) skipped.push({ key, reason: 'it is no regular file' });
    else if (folder.reals.some((r) => isInside(real, r)))
      skipped.push({ key, reason: 'it is a link back to a folder it lies in' });
    else if (enteredByLink.has(real)) skipped.push({ key, reason: 'it is a second link to the same folder' });
    else {
      enteredByLink.add(real);
      enter(folder, name, real);
    }
  };

  const sortEntries = (folder: Folder, found: readonly Dirent[], links: string[]): void => {
    for (const entry of found) {
      if (entry.isFile()) addFile(folder.key + entry.name);
      else if (entry.isDirectory()) enter(folder, entry.name, join(folder.reals.at(-1)!, entry.name));
      else if (entry.isSymbolicLink()) links.push(entry.name);
      else skipped.push({ key: folder.key + entry.name, reason: 'it is no regular file' });
    }
  };

  for (let folder = stack.pop(); folder !== undefined; folder = stack.pop()) {
    let found: readonly Dirent[];
    try {
      found = readFolder(folder.path || '/');
    } catch (error) {
      throw localError(error, folder.path || '/', 'listed');
    }
    const links: string[] = [];
    for (let from = 0; from < found.length; from += TURN_ENTRIES) {
      const part = found.length <= TURN_ENTRIES ? found : found.slice(from, from + TURN_ENTRIES);
      sortEntries(folder, part, links);
      entries += part.length;
      if (entries < TURN_ENTRIES) continue;
      entries = 0;
      await nextTurn();
      signal?.throwIfAborted();
    }
    // In a fixed order, so that of two links to one folder it is always the same that is entered.
    for (const name of links.sort()) followLink(folder, name);
  }
  if (options.lookAside !== undefined && aside.length > 0) lookAtAside(options.lookAside);
  await Promise.all(asides);
  signal?.throwIfAborted();
  objects.sort((a, b) => (a.uri < b.uri ? -1 : 1));
  skipped.sort((a, b) => (a.key < b.key ? -1 : 1));
  return { objects, skipped };
}

/** Is `inner` the folder `outer` or below it? Both absolute and real. */
export function isInside(outer: string, inner: string): boolean {
  return inner === outer || inner.startsWith(outer.endsWith('/') ? outer : `${outer}/`);
}

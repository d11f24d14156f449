import { createHash } from 'node:crypto';
import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createRequire, Module } from 'node:module';
import { dirname, join } from 'node:path';
import { Script } from 'node:vm';

export interface CompiledCodeOptions {
  /** The folder with the files: those whose names end in a hash of what is in them. They may not use `import()`. */
  readonly sources: string;
  /** Paths of packages' files that are kept too, under the same condition. */
  readonly packages: RegExp;
  /** Where they are kept. It is made when it is missing; one that cannot be written to is left alone. */
  readonly folder: string;
  /** What is run, as a word: each keeps the functions that it calls. */
  readonly command: string;
}

/** One file as it was when it was compiled. */
interface Entry {
  readonly name: string;
  /** Changes with the contents. */
  readonly stamp: string;
  /** Of V8's code for it. */
  readonly bytes: number;
}

interface Loaded {
  readonly entry: Omit<Entry, 'bytes'>;
  readonly script: Script;
}

type Compile = (this: Module, content: string, file: string, ...more: unknown[]) => unknown;

/**
 * Has files that are loaded from now on by `require` take V8's code from the last run of the same command, and keeps it for the
 * next when this one ends well. Whatever goes wrong costs time only. docs/adr/0011.
 */
export function keepCompiledCode({ sources, packages, folder, command }: CompiledCodeOptions): void {
  const { NODE_DISABLE_COMPILE_CACHE: off, NODE_V8_COVERAGE: coverage } = process.env;
  // Of functions that were kept, V8 cannot say which were run.
  if (off !== undefined || coverage !== undefined) return;

  const file = join(folder, `${command}-${process.versions.v8}-${process.arch}`);
  const kept = readKept(file);
  const loaded = new Map<string, Loaded>();
  let complete = true;

  const prototype = Module.prototype as unknown as { _compile: Compile };
  const compile = prototype._compile;
  prototype._compile = function (content, filename, ...more) {
    const ours = dirname(filename) === sources && HASHED.test(filename);
    if (!ours && !packages.test(filename)) return compile.call(this, content, filename, ...more);
    const entry = { name: filename, stamp: stampOf(filename, ours) };
    const found = kept.get(filename);
    const fits = found?.entry.stamp === entry.stamp;
    const script = new Script(`${HEAD}${content}\n})`, {
      filename,
      columnOffset: -HEAD.length,
      ...(fits ? { cachedData: found.code } : {}),
    });
    // Refused: compiled by a V8 with other flags, or for another processor.
    if (!fits || script.cachedDataRejected === true) complete = false;
    loaded.set(filename, { entry, script });
    const run = script.runInThisContext() as (...args: unknown[]) => unknown;
    return run.call(this.exports, this.exports, createRequire(filename), this, filename, dirname(filename));
  };
  process.on('exit', (code) => {
    if (code === 0 && !complete) keep(file, loaded, kept);
  });
}

const HEAD = '(function (exports, require, module, __filename, __dirname) {';
const HASHED = /-[\w-]{8}\.js$/u;

/** V8 itself looks at the length only. Packages are unpacked with times of their own: there the inode's change tells. */
function stampOf(file: string, hashed: boolean): string {
  const { size, mtimeMs, ctimeMs } = statSync(file);
  // Of ours the name tells, but for somebody who edits one to debug it; a copy of an image may go on with what was kept.
  return hashed ? `${size} ${mtimeMs}` : `${size} ${mtimeMs} ${ctimeMs}`;
}

interface KeptFile {
  readonly entry: Entry;
  readonly code: Buffer;
}

type Kept = ReadonlyMap<string, KeptFile>;

/** A digest of the rest; a line of JSON, the entries; the code of one after the other. Empty when there is none. */
function readKept(file: string): Kept {
  try {
    const all = readFileSync(file);
    const rest = all.subarray(DIGEST_BYTES);
    // V8 believes what it is given: of a damaged file it would die.
    if (!all.subarray(0, DIGEST_BYTES).equals(digest(rest))) return new Map();
    let at = rest.indexOf('\n') + 1;
    const kept = new Map<string, KeptFile>();
    for (const entry of JSON.parse(rest.toString('utf8', 0, at)) as readonly Entry[]) {
      kept.set(entry.name, { entry, code: rest.subarray(at, at + entry.bytes) });
      at += entry.bytes;
    }
    return kept;
  } catch {
    return new Map();
  }
}

/** Against damage, not against people: whoever can write here can write to the command itself. */
const DIGEST_BYTES = 20;
const digest = (bytes: Buffer): Buffer => createHash('sha1').update(bytes).digest();

/** Replaces the file in one step: another process reads the one or the other. */
function keep(file: string, loaded: ReadonlyMap<string, Loaded>, kept: Kept): void {
  const half = `${file}.${process.pid}`;
  let handle: number;
  try {
    mkdirSync(dirname(file), { recursive: true });
    handle = openSync(half, 'wx');
  } catch {
    return;
  }
  try {
    writeFileSync(handle, contents(loaded, kept));
    fsyncSync(handle);
    closeSync(handle);
    renameSync(half, file);
  } catch {
    rmSync(half, { force: true });
  }
}

function contents(loaded: ReadonlyMap<string, Loaded>, kept: Kept): Buffer {
  const ours = [...loaded.values()].map(({ entry, script }) => ({ entry, code: script.createCachedData() }));
  // What another way through the command needed stays.
  const all = [...ours, ...[...kept.values()].filter(({ entry }) => !loaded.has(entry.name))];
  const entries = all.map(({ entry, code }): Entry => ({ ...entry, bytes: code.length }));
  const rest = Buffer.concat([Buffer.from(`${JSON.stringify(entries)}\n`), ...all.map(({ code }) => code)]);
  return Buffer.concat([digest(rest), rest]);
}

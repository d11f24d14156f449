import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect } from 'vitest';
import type { RecordColumn, RecordColumns } from '../../src/ingest/columns/record-columns.ts';
import { type IngestRequest, type IngestSummary, ingest } from '../../src/ingest/ingest.ts';
import type { Kernel } from '../../src/ingest/kernel/kernel.ts';
import type { StagedObject, StagedSegment } from '../../src/ingest/staged.ts';
import { folderSegments } from '../../src/segments/folder.ts';
import type { FetchedObject, ListedObject, Source } from '../../src/sources/source.ts';
import { DuckDatabase } from '../../src/warehouse/duckdb/database.ts';
import type { DuckSession } from '../../src/warehouse/duckdb/session.ts';
import type { Row } from '../../src/warehouse/session.ts';

/** A folder with objects, a segments directory and an engine, for one test. */
export interface Bench {
  readonly directory: string;
  readonly segments: string;
  readonly session: DuckSession;
  close(): void;
}

export async function openBench(): Promise<Bench> {
  const directory = mkdtempSync(join(tmpdir(), 'sparkify-ingest-'));
  const database = await DuckDatabase.open({ path: ':memory:', threads: 2 });
  const session = await database.connect();
  return {
    directory,
    segments: join(directory, 'w.db.segments'),
    session,
    close: () => {
      session.close();
      database.close();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** Writes an object into the bench's folder. */
export function put(bench: Bench, key: string, content: string | Uint8Array): ListedObject {
  const path = join(bench.directory, 'in', key);
  mkdirSync(join(path, '..'), { recursive: true });
  writeFileSync(path, content);
  return { uri: pathToFileURL(path).href, key, sizeBytes: statSync(path).size, mtimeMs: statSync(path).mtimeMs };
}

export function localSource(bench: Bench, fetched?: (object: ListedObject) => FetchedObject): Source {
  const inPlace = (object: ListedObject): FetchedObject => ({
    object,
    path: join(bench.directory, 'in', object.key),
    offset: 0,
    lengthBytes: object.sizeBytes,
  });
  return {
    root: pathToFileURL(`${bench.directory}/in/`).href,
    list: () => Promise.reject(new Error('not listed')),
    fetch: async function* (objects) {
      for (let i = 0; i < objects.length; i += 100) yield objects.slice(i, i + 100).map(fetched ?? inPlace);
    },
    readVersion: async () => undefined,
    close: async () => undefined,
  };
}

export interface Ingested extends IngestSummary {
  readonly segments: readonly StagedSegment[];
  /** Of all segments, in order. */
  readonly objects: readonly StagedObject[];
  /** Rows of all segments, in order. */
  readonly rows: readonly Row[];
  readonly quarantined: readonly {
    readonly uri: string;
    readonly ordinal: number;
    readonly line: number;
    readonly reason: string;
    readonly column: string | undefined;
    readonly detail: string;
    readonly raw: string;
  }[];
}

/** Ingests to the end and reads everything back. */
export async function ingestAll(
  bench: Bench,
  request: Pick<IngestRequest, 'staging' | 'objects'> & Partial<IngestRequest>,
): Promise<Ingested> {
  const { session } = bench;
  const base = { source: localSource(bench), segments: folderSegments(bench.segments), session, isKnown: () => false };
  const generator = ingest({ ...base, ...request });
  const segments: StagedSegment[] = [];
  for (;;) {
    const next = await generator.next();
    if (next.done === true) {
      const rows: Row[] = [];
      for (const { path } of segments) {
        rows.push(...(await session.all(`select * from read_parquet('${bench.segments}/${path}')`)));
      }
      const quarantined = segments.flatMap((s) =>
        s.quarantined.map((q) => ({
          uri: s.objects[q.object]!.uri,
          ordinal: q.ordinal,
          line: q.line,
          reason: q.reason,
          column: q.column,
          detail: q.detail,
          raw: Buffer.from(q.raw).toString('latin1'),
        })),
      );
      return { ...next.value, segments, objects: segments.flatMap((s) => s.objects), rows, quarantined };
    }
    segments.push(next.value);
  }
}

/** All files below a directory, relative. */
export function filesBelow(directory: string): readonly string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((e) => e.isFile())
    .map((e) => join(e.parentPath, e.name).slice(directory.length + 1))
    .sort();
}

/** Ordinal and physical line of a staged row, from the object's steps. */
export function positionOf(object: StagedObject, row: number): { ordinal: number; line: number } {
  let [step, ordinal, line] = [0, 0, 1];
  for (const p of object.positions) {
    if (p.row > row) break;
    [step, ordinal, line] = [p.row, p.ordinal, p.line];
  }
  return { ordinal: ordinal + row - step, line: line + row - step };
}

/** The rows that stand in columns, as texts, bigints, numbers, booleans and nulls: their memory, read by hand. */
export function rowsIn(columns: RecordColumns): readonly (readonly unknown[])[] {
  const { kernel, row: rows } = columns;
  return Array.from({ length: rows }, (_, row) => columns.columns.map((column) => valueAt(kernel, column, rows, row)));
}

function valueAt(kernel: Kernel, { type, at }: RecordColumn, rows: number, row: number): unknown {
  switch (type) {
    case 'text': {
      const [ids, , , , , texts, , , places] = kernel.int32s(at, 9);
      const id = kernel.int32s(ids!, rows)[row]!;
      if (id === 0) return null;
      const from = texts! + kernel.int32s(places! + 4 * id, 1)[0]!;
      const coded = kernel.bytes(from, 4).readInt32LE();
      const spelling = kernel.bytes(from + 8, coded >> 1).toString('utf8');
      expect(coded & 1).toBe(spelling.includes('\\') ? 1 : 0);
      return JSON.parse(`"${spelling}"`);
    }
    case 'integer': {
      const value = kernel.doubles(at, rows)[row]!;
      return Number.isNaN(value) ? null : BigInt(value);
    }
    case 'double': {
      const value = kernel.doubles(at, rows)[row]!;
      return Number.isNaN(value) ? null : value;
    }
    case 'boolean':
      return [null, false, true][kernel.bytes(at, rows)[row]!];
  }
}

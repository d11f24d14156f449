/**
 * Ingest against bare DuckDB, in pairs:
 *
 *     npm run bench -- ingest LOGS_FOLDER [SONGS_FOLDER] [repeats]
 *
 * LOGS_FOLDER: newline-delimited log files, for example of `sparkify simulate` (1 M events); SONGS_FOLDER: many
 * one-record files. Uses the compiled dist/, as users do. Reports scanner and encoder alone (MB per CPU-second), then ingest
 * ÷ DuckDB's own read_json → Parquet (no validation, no hashes, no fsync), medians of wall-time ratios.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { folderSegments } from '../src/segments/folder.ts';
import type { ListedObject, Source } from '../src/sources/source.ts';

const built = (path: string) => import(pathToFileURL(resolve('dist/src', path)).href);
const { ingest } = (await built('ingest/ingest.js')) as typeof import('../src/ingest/ingest.ts');
const { ObjectScanner } = (await built(
  'ingest/scan/object-scanner.js',
)) as typeof import('../src/ingest/scan/object-scanner.ts');
const { scanSpec } = (await built('ingest/scan/spec.js')) as typeof import('../src/ingest/scan/spec.ts');
const { RecordColumns } = (await built(
  'ingest/columns/record-columns.js',
)) as typeof import('../src/ingest/columns/record-columns.ts');
const { RowGroupEncoder } = (await built(
  'ingest/parquet/row-group.js',
)) as typeof import('../src/ingest/parquet/row-group.ts');
const { DuckDatabase } = (await built(
  'warehouse/duckdb/database.js',
)) as typeof import('../src/warehouse/duckdb/database.ts');
const { eventStaging } = await import('../tests/ingest/event-staging.ts');
const { songStaging } = await import('../tests/ingest/song-staging.ts');

const [logs, songs, repeats = '5'] = process.argv.slice(2);
if (logs === undefined) throw new Error('usage: npm run bench -- ingest LOGS_FOLDER [SONGS_FOLDER] [repeats]');
const out = mkdtempSync(join(tmpdir(), 'sparkify-bench-'));

const listed = (folder: string): ListedObject[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((f) => f.endsWith('.json'))
    .sort()
    .map((key) => {
      const path = resolve(folder, key);
      return { uri: pathToFileURL(path).href, key, sizeBytes: statSync(path).size };
    });
const sourceOf = (folder: string): Source => ({
  root: pathToFileURL(`${resolve(folder)}/`).href,
  list: () => Promise.reject(new Error('not listed')),
  fetch: async function* (objects) {
    yield objects.map((object) => {
      const path = resolve(folder, object.key);
      return { object, path, offset: 0, lengthBytes: object.sizeBytes };
    });
  },
  readVersion: async () => undefined,
  close: async () => undefined,
});
const seconds = async (work: () => Promise<unknown>): Promise<number> => {
  const start = performance.now();
  await work();
  return (performance.now() - start) / 1000;
};
const median = (values: number[]) => values.sort((a, b) => a - b)[Math.floor(values.length / 2)]!;
type Stagings = ReturnType<typeof eventStaging>;
const sqlColumns = (staging: Stagings) =>
  staging.columns
    .map(
      (c) => `'${c.field}': '${{ text: 'VARCHAR', integer: 'BIGINT', double: 'DOUBLE', boolean: 'BOOLEAN' }[c.type]}'`,
    )
    .join(', ');

async function compare(name: string, folder: string, staging: Stagings, format: string, threads: number) {
  const objects = listed(folder);
  const database = await DuckDatabase.open({ path: ':memory:' });
  const session = await database.connect();
  const own = async () => {
    const request = { staging, source: sourceOf(folder), objects, session, isKnown: () => false };
    let rows = 0;
    for await (const s of ingest({ ...request, segments: folderSegments(join(out, 'segments')) })) rows += s.rows;
    return rows;
  };
  const bare = async () => {
    // With two threads the glob over 100,000 files runs out of memory, so it is given the one it works with.
    await session.exec(`set threads = ${threads}`);
    await session.exec(
      `copy (select * from read_json('${resolve(folder)}/**/*.json', format = '${format}', columns = {${sqlColumns(staging)}})) to '${join(out, 'bare.parquet')}' (format parquet)`,
    );
    await session.exec('reset threads');
  };
  const ratios: number[] = [];
  const times: [number, number][] = [];
  for (let i = 0; i < Number(repeats); i++) {
    const pair: [number, number] = [await seconds(bare), await seconds(own)];
    times.push(pair);
    ratios.push(pair[1] / pair[0]);
  }
  const [b, o] = [median(times.map((t) => t[0])), median(times.map((t) => t[1]))];
  console.log(`${name}: ingest ${o.toFixed(2)} s, bare DuckDB ${b.toFixed(2)} s, ratio ${median(ratios).toFixed(2)}`);
  session.close();
  database.close();
}

const spec = scanSpec(eventStaging());
const columns = new RecordColumns(spec.columns.map((c) => c.type));
const encoder = new RowGroupEncoder();
const scanner = new ObjectScanner(spec, {
  columns,
  flush: () => {
    encoder.encode(columns);
    columns.clear();
  },
});
const contents = listed(logs)
  .slice(0, 100)
  .map((o) => readFileSync(resolve(logs, o.key)));
const rates: number[] = [];
for (let i = 0; i < 7; i++) {
  const start = process.cpuUsage();
  let bytes = 0;
  for (const content of contents) {
    scanner.begin();
    for (let p = 0; p < content.length; ) {
      const n = content.copy(scanner.space(), 0, p);
      scanner.advance(n);
      p += n;
    }
    scanner.finish();
    bytes += content.length;
  }
  const { user, system } = process.cpuUsage(start);
  rates.push(bytes / (user + system));
}
console.log(`scanner and encoder: ${median(rates).toFixed(0)} MB per CPU-second`);
await compare('events', logs, eventStaging(), 'newline_delimited', 2);
if (songs !== undefined) await compare('small files', songs, songStaging(), 'auto', 1);
rmSync(out, { recursive: true, force: true });

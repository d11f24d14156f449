/**
 * Load of 1 M staged events into PostgreSQL by `Warehouse.load` against the server's own COPY from a file of the same
 * rows into the same table. Both within a transaction, alternating, medians.
 *
 *     npm run bench -- postgres-load [rows] [repeats] [nofsync]
 */
import { chmod, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { literal } from '../src/core/quoting.ts';
import { openWarehouse } from '../src/warehouse/open.ts';
import type { TableRef, Warehouse } from '../src/warehouse/warehouse.ts';
import { startPostgresServer } from '../tests/postgres-server/server.ts';
import { median, report } from './results.ts';

const rows = Number(process.argv[2] ?? 1_000_000);
const repeats = Number(process.argv[3] ?? 5);
const fsync = process.argv[4] !== 'nofsync';

const columns: Readonly<Record<string, readonly [type: string, expression: string]>> = {
  artist: ['text', "case when i % 7 = 0 then null else 'Artist ' || (hash(i) % 3000) end"],
  auth: ['text', "case when i % 28 = 0 then 'Logged Out' else 'Logged In' end"],
  first_name: ['text', "'Name' || (i % 97)"],
  gender: ['text', "case when i % 2 = 0 then 'F' else 'M' end"],
  item_in_session: ['bigint', 'i % 110'],
  last_name: ['text', "'Surname' || (i % 89)"],
  length: ['double precision', 'case when i % 7 = 0 then null else round(150 + (hash(i) % 200000) / 1000.0, 5) end'],
  level: ['text', "case when i % 5 = 0 then 'free' else 'paid' end"],
  location: ['text', "'San Francisco-Oakland-Hayward, CA'"],
  method: ['text', "'PUT'"],
  page: ['text', "case when i % 7 = 0 then 'Home' else 'NextSong' end"],
  registration: ['double precision', '1541077528796.0 - i % 1000'],
  session_id: ['bigint', 'i // 20'],
  song: ['text', 'case when i % 7 = 0 then null else \'A song, "quoted" \' || (hash(i + 1) % 9000) end'],
  status: ['bigint', '200'],
  ts: ['bigint', '1541121934796 + i * 1000'],
  user_agent: [
    'text',
    '\'"Mozilla/5.0 (Windows NT 6.1; WOW64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/36.0.1985.143 Safari/537.36"\'',
  ],
  user_id: ['text', 'cast(i % 97 as varchar)'],
};
const names = ['_object', '_row', ...Object.keys(columns)];

const directory = await mkdtemp(join(tmpdir(), 'sparkify-bench-'));
await chmod(directory, 0o755);
const shared = join(directory, 'shared');
await mkdir(shared, { mode: 0o777 });
const server = await startPostgresServer({ fsync });
const open = (name: string): Promise<Warehouse> =>
  openWarehouse(server.url('postgres'), { cwd: directory, segmentsDirectory: join(directory, name), mirror: 'memory' });
const warehouse = await open('a');
try {
  const parquet = join(directory, 'events.parquet');
  const csv = join(shared, 'events.csv');
  const duck = await warehouse.compute.connect();
  const list = Object.entries(columns).map(([name, [, expression]]) => `${expression} as ${name}`);
  await duck.exec(
    `copy (select 1::bigint as _object, i as _row, ${list.join(', ')} from range(${rows}) r(i)) to ${literal(parquet)} (format parquet)`,
  );
  await duck.exec(`copy (from ${literal(parquet)}) to ${literal(csv)} (format csv, header false)`);
  await chmod(csv, 0o644);
  duck.close();

  const create = (name: string): Promise<number> =>
    warehouse.transaction((s) =>
      s.exec(`drop table if exists ${name}; create table ${name} (_object bigint not null, _row bigint not null,
        ${Object.entries(columns).map(([n, [type]]) => `${n} ${type}${type === 'text' ? ' collate "C"' : ''}`)},
        primary key (_object, _row))`),
    );
  const load = (target: Warehouse, name: string, where = ''): Promise<number> => {
    const table: TableRef = { schema: 'public', name, columns: names };
    return target.transaction((s) => target.load(s, table, `select * from ${literal(parquet)} ${where}`));
  };
  const time = async (work: () => Promise<unknown>): Promise<number> => {
    await create('t');
    await create('u');
    await warehouse.transaction((s) => s.exec('select 1'));
    const start = performance.now();
    await work();
    return (performance.now() - start) / 1000;
  };
  const copy = (): Promise<unknown> => warehouse.transaction((s) => s.exec(`copy t from ${literal(csv)} (format csv)`));
  const half = Math.floor(rows / 2);
  const seconds = { copy: [] as number[], load: [] as number[], two: [] as number[] };
  for (let i = 0; i < repeats + 1; i++) {
    const measured = {
      copy: await time(copy),
      load: await time(() => load(warehouse, 't')),
      two: await time(() =>
        Promise.all([load(warehouse, 't', `where _row < ${half}`), load(warehouse, 't', `where _row >= ${half}`)]),
      ),
    };
    // The first round warms the caches up.
    if (i > 0) for (const key of ['copy', 'load', 'two'] as const) seconds[key].push(measured[key]);
  }
  const line = (name: string, values: readonly number[]): string =>
    `${name} ${median(values).toFixed(2)} s (${values.map((v) => v.toFixed(2)).join(' ')})`;
  const ratio = (values: readonly number[]): number => median(values.map((v, i) => v / seconds.copy[i]!));
  const about = `${rows.toLocaleString('en-US')} rows, ${cpus().length} cores, fsync ${fsync ? 'on' : 'off'}`;
  const copied = line('COPY', seconds.copy);
  report([
    {
      measure: 'PostgreSQL load ÷ server-side COPY, as a run loads two segments side by side',
      goal: '≤ 1.6',
      value: ratio(seconds.two),
      unit: '',
      detail: `${about}: ${line('load', seconds.two)}; ${copied}`,
    },
    {
      measure: 'PostgreSQL load ÷ server-side COPY, one segment',
      value: ratio(seconds.load),
      unit: '',
      detail: `${about}: ${line('load', seconds.load)}; ${copied}`,
    },
  ]);
} finally {
  await warehouse.close();
  await server.dispose();
  await rm(directory, { recursive: true, force: true });
}

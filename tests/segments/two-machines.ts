import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ProgressEvent } from '../../src/core/progress.ts';
import { coverageOf } from '../../src/ledger/coverage.ts';
import { ledgerReport } from '../../src/lineage/ledger-report.ts';
import { trace } from '../../src/lineage/trace.ts';
import { compactNow } from '../../src/operators/compact.ts';
import { computeSchema, starSchema } from '../../src/operators/create-tables.ts';
import type { RunOptions } from '../../src/operators/run-state.ts';
import { withRun } from '../../src/operators/with-run.ts';
import { checkStar } from '../../src/quality/check-star.ts';
import { bucketSegments } from '../../src/segments/bucket.ts';
import { localFolderSink, simulate } from '../../src/simulator/index.ts';
import { openSource, type S3Settings } from '../../src/sources/index.ts';
import type { Standing } from '../../src/star/standing.ts';
import { openWarehouse } from '../../src/warehouse/open.ts';
import type { Warehouse } from '../../src/warehouse/warehouse.ts';
import { type EngineRun, engineRun } from '../integration/engine-runs.ts';
import { createTestDatabase, type TestDatabase } from '../postgres-server/database.ts';
import { useQuickDirectory } from '../property/quick-directory.ts';
import { impatient } from '../sources/s3-store.ts';

/** A place in a bucket for segments. */
export interface SegmentBucket {
  readonly url: string;
  readonly s3: S3Settings;
  /** Of the segments that lie in it. */
  paths(): Promise<readonly string[]>;
  stop(): Promise<void>;
}

interface Machine {
  readonly warehouse: Warehouse;
  readonly star: EngineRun;
  /** How many segments had to be brought so far, as it is told. */
  brought(): number;
  options(change?: Partial<RunOptions>): RunOptions;
  standing<T>(work: (standing: Standing) => Promise<T>): Promise<T>;
}

const DAYS = ['2018-11-01', '2018-11-02', '2018-11-03', '2018-11-04', '2018-11-05'];

/** Two machines with a warehouse in PostgreSQL, a bucket of segments, and a folder each; they take turns. */
export function describeTwoMachines(name: string, startBucket: () => Promise<SegmentBucket>): void {
  describe(`two machines over ${name}`, () => {
    let directory: string;
    let bucket: SegmentBucket;
    let database: TestDatabase;

    beforeAll(async () => {
      useQuickDirectory();
      directory = mkdtempSync(join(tmpdir(), 'sparkify-machines-'));
      bucket = await startBucket();
      database = await createTestDatabase();
      const options = { seed: 5, users: 6, songs: 10, from: DAYS[0]!, to: '2018-11-06' };
      await simulate(options, localFolderSink(join(directory, 'all')));
      arriveSongs('first');
    });
    afterAll(async () => {
      await database?.drop();
      await bucket?.stop();
      rmSync(directory, { recursive: true, force: true });
    });

    const arrive = (path: string): void => {
      mkdirSync(dirname(join(directory, 'here', path)), { recursive: true });
      cpSync(join(directory, 'all', path), join(directory, 'here', path), { recursive: true });
    };
    const arriveDays = (...days: readonly string[]): void => {
      for (const day of days) arrive(`log_data/${day.slice(0, 4)}/${day.slice(5, 7)}/${day}-events.json`);
    };
    const arriveSongs = (half: 'first' | 'second'): void => {
      const files = readdirSync(join(directory, 'all/song_data'), { recursive: true, encoding: 'utf8' })
        .filter((f) => f.endsWith('.json'))
        .sort();
      const middle = files.length >> 1;
      for (const file of half === 'first' ? files.slice(0, middle) : files.slice(middle)) arrive(`song_data/${file}`);
    };
    const params = () => ({
      logData: join(directory, 'here/log_data'),
      songData: join(directory, 'here/song_data'),
    });
    const cache = (machine: string): string => join(directory, `cache-${machine}`);

    /** A process of a machine, from its start to its end. */
    async function on<T>(machine: string, work: (machine: Machine) => Promise<T>): Promise<T> {
      const segments = bucketSegments({ url: bucket.url, s3: bucket.s3, cache: cache(machine), timing: impatient });
      const warehouse = await openWarehouse(database.url, { cwd: directory, segments, threads: 1 });
      let brought = 0;
      const progress = (event: ProgressEvent): void => {
        if (event.type === 'task.succeeded' && event.task === 'segments')
          brought += Number(/^(\d+) brought from s3:/.exec(event.detail)![1]);
      };
      const engine = engineRun(warehouse, params());
      const star = { ...engine, run: (change = {}) => engine.run({ workers: 0, progress, ...change }) };
      const { pipeline } = engine;
      const signal = new AbortController().signal;
      const options = (change: Partial<RunOptions> = {}): RunOptions => ({
        pipeline,
        warehouse,
        openSource: (root) => openSource(root, { cwd: '/' }),
        clock: { nowMs: () => Date.now() },
        failpoints: { hit: () => {} },
        progress,
        signal,
        workers: 0,
        ...change,
      });
      const standing: Machine['standing'] = (look) =>
        withRun(options(), async ({ session }) =>
          look({
            session,
            segments,
            pipeline,
            schema: computeSchema(warehouse, pipeline),
            coverage: await warehouse.read((s) => coverageOf(s, pipeline.name)),
          }),
        );
      try {
        return await work({ warehouse, star, brought: () => brought, options, standing });
      } finally {
        await warehouse.close();
      }
    }

    /** The same objects, loaded at once beside a folder. */
    async function fromNothing(): Promise<Readonly<Record<string, string>>> {
      const warehouse = await openWarehouse(`duckdb:${join(directory, `once-${Date.now()}.duckdb`)}`, {
        cwd: '/',
        threads: 1,
      });
      try {
        const star = engineRun(warehouse, params());
        await star.run({ workers: 0 });
        return await star.checksums();
      } finally {
        await warehouse.close();
      }
    }

    const cached = (machine: string): readonly string[] =>
      readdirSync(cache(machine), { recursive: true, encoding: 'utf8' })
        .filter((f) => f.endsWith('.parquet'))
        .sort();
    const live = ({ warehouse }: Machine): Promise<readonly string[]> =>
      warehouse.read(async (s) => {
        const rows = await s.all<{ path: string }>("select path from sparkify_ledger.segments where state = 'live'");
        return rows.map((r) => r.path).sort();
      });

    test('they publish in turn, each from what the other has staged', async () => {
      arriveDays(...DAYS.slice(0, 3));
      await on('a', async (a) => {
        expect(await a.star.run()).toMatchObject({ outcome: 'published', epoch: 1 });
        expect(a.brought()).toBe(0);
        expect(await bucket.paths()).toEqual(await live(a));
        expect(cached('a')).toEqual(await live(a));
      });
      arriveDays(DAYS[3]!);
      arriveSongs('second');
      await on('b', async (b) => {
        expect(await b.star.run()).toMatchObject({ outcome: 'published', epoch: 2 });
        expect(b.brought()).toBe(2);
      });
    });

    test('one whose folder was deleted traces a row that the other has loaded, accounts for every record, and rebuilds', async () => {
      rmSync(cache('b'), { recursive: true });
      await on('b', async (b) => {
        const id = String(await b.star.one('select min(songplay_id) from songplays'));
        await b.standing(async (standing) => {
          const report = await trace({ standing, table: 'songplays', key: id, readVersion: async () => undefined });
          expect(report.records[0]).toMatchObject({ staging: 'staging_events', line: expect.any(Number) });
          expect(b.brought()).toBe((await live(b)).length);
          const { total } = await ledgerReport(standing);
          expect(total.staged).toBe(total.loaded + total.filtered + total.outside + total.duplicated);
          const schema = starSchema(b.warehouse, standing.pipeline);
          const results = await b.warehouse.read((s) => checkStar(s, { standing, schema, nowMs: 0 }));
          expect(results.filter((r) => r.verdict !== 'passed' && r.severity === 'error')).toEqual([]);
        });
        expect(cached('b')).toEqual(await live(b));
        // A file that was cut meanwhile is brought again before a rebuild reads it.
        const [cut] = cached('b');
        const before = [await b.star.checksums(), b.brought()];
        truncateSync(join(cache('b'), cut!), statSync(join(cache('b'), cut!)).size - 7);
        await b.star.run({ rebuild: true });
        expect([await b.star.checksums(), b.brought() - 1]).toEqual(before);
      });
    });

    test('compacted on one, the other goes on with the new segment; the old ones go, and the star is that of one load', async () => {
      await on('a', async (a) => {
        const before = await live(a);
        await compactNow(a.options(), { smallRows: 1_000_000, manySegments: 2 });
        expect(a.brought()).toBe(2);
        expect(await live(a)).toHaveLength(2);
        expect((await bucket.paths()).length).toBe(before.length + 2);
      });
      arriveDays(DAYS[4]!);
      const killed = join(cache('b'), 'sparkify', 'staging_events', '0123456789ab.parquet.tmp');
      writeFileSync(killed, 'half of a segment that was being brought');
      await on('b', async (b) => {
        expect(await b.star.run()).toMatchObject({ outcome: 'published' });
        expect(await b.star.checksums()).toEqual(await fromNothing());
        expect(existsSync(killed)).toBe(false);
        expect(cached('b')).toEqual(await live(b));
        expect(await bucket.paths()).toEqual(await live(b));
      });
    });
  });
}

import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import sparkifyPipeline from '../../pipelines/sparkify/index.ts';
import { systemClock } from '../../src/core/clock.ts';
import { type Failpoints, noFailpoints } from '../../src/core/failpoints.ts';
import { silentProgress } from '../../src/core/progress.ts';
import { starSchema } from '../../src/operators/create-tables.ts';
import type { Executor } from '../../src/operators/executor.ts';
import { runPipeline } from '../../src/operators/run.ts';
import type { RunOptions, RunReport } from '../../src/operators/run-state.ts';
import { resolvePipeline } from '../../src/pipeline/define.ts';
import { bucketSegments } from '../../src/segments/bucket.ts';
import { openSource } from '../../src/sources/index.ts';
import { tableChecksum } from '../../src/warehouse/checksum.ts';
import { openWarehouse } from '../../src/warehouse/open.ts';
import { administer, createTestDatabase } from '../postgres-server/database.ts';
import { type S3Server, testCredentials } from '../s3-server/index.ts';

const HOUR_MS = 3_600_000;
const FIRST_DAY_MS = Date.UTC(2018, 10, 1);

function event(day: number, n: number, change: object = {}): string {
  const user = (n * 7 + day) % 11;
  return JSON.stringify({
    artist: `Artist ${n % 5}`,
    auth: 'Logged In',
    firstName: `F${user}`,
    gender: 'F',
    itemInSession: n,
    lastName: 'L',
    length: 100.5 + (n % 3),
    level: n % 4 === 0 ? 'paid' : 'free',
    location: 'Lansing',
    method: 'PUT',
    page: n % 6 === 5 ? 'Home' : 'NextSong',
    registration: 1541077528796,
    sessionId: 100 + day,
    song: `Song ${n % 7}`,
    status: 200,
    ts: FIRST_DAY_MS + day * 24 * HOUR_MS + n * 600_000,
    userAgent: '"Mozilla"',
    userId: String(user + 1),
    ...change,
  });
}

function song(n: number): string {
  return JSON.stringify({
    num_songs: 1,
    artist_id: `AR${n % 5}`,
    artist_latitude: null,
    artist_longitude: null,
    artist_location: n % 2 === 0 ? '' : 'Place',
    artist_name: `Artist ${n % 5}`,
    song_id: `SO${n}`,
    title: `Song ${n % 7}`,
    duration: 100.5 + n,
    year: 2000,
  });
}

async function put(path: string, records: readonly string[]): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, records.join('\n'));
}

const logPath = (day: number): string => `log_data/2018/11/2018-11-0${day + 1}-events.json`;
const indices = (n: number): readonly number[] => Array.from({ length: n }, (_, i) => i);

/** What lies in the sources at the first publish. */
async function writeBefore(directory: string): Promise<void> {
  for (const day of [0, 1, 2])
    await put(
      join(directory, logPath(day)),
      indices(30).map((n) => event(day, n)),
    );
  for (const n of indices(8)) await put(join(directory, `song_data/A/A/A/TRAAA0000${n}.json`), [song(n)]);
}

/** What the run that gets killed finds: a changed and a new log with a bad line and a duplicate, late and changed songs. */
async function writeAfter(directory: string): Promise<void> {
  await put(join(directory, logPath(1)), [
    ...indices(25).map((n) => event(1, n, n === 3 ? { level: 'paid', firstName: 'Changed' } : {})),
    event(0, 4, { ts: FIRST_DAY_MS + 1 }),
  ]);
  await put(join(directory, logPath(3)), [...indices(20).map((n) => event(3, n)), '{"broken":', event(3, 2)]);
  for (const n of [8, 9, 10]) await put(join(directory, `song_data/A/A/B/TRAAB0000${n}.json`), [song(n)]);
  await put(join(directory, 'song_data/A/A/A/TRAAA00001.json'), [
    song(1).replace('100.5', '33.25').replace('101.5', '33.25'),
  ]);
}

/** A copy of the warehouse as it was after the first publish, with the sources changed since. */
export interface Stage {
  readonly url: string;
  /** With a bucket: the cache. */
  readonly segmentsDirectory: string;
  /** Prefix of its segments in the bucket. */
  readonly prefix: string;
  dispose(): Promise<void>;
}

/** What a test changes about a run. */
export interface RunChange extends Partial<RunOptions> {
  readonly failpoints?: Failpoints;
  /** Instead of the stage's own. */
  readonly url?: string;
  readonly executor?: Executor;
}

export interface Scenario {
  readonly engine: 'duckdb' | 'postgres';
  /** Arguments and environment of the command that a test kills. */
  command(stage: Stage): { readonly args: readonly string[]; readonly env: Readonly<Record<string, string>> };
  stage(): Promise<Stage>;
  /** Runs the pipeline in this process. */
  run(stage: Stage, options?: RunChange): Promise<RunReport>;
  /** Checksum of every table of the star, rows of the staging tables, and the number of the last publish. */
  outcome(stage: Stage, options?: { readonly readOnly: boolean }): Promise<Readonly<Record<string, string>>>;
  dispose(): Promise<void>;
}

/** The bucket that segments last in where a scenario has one. */
export const SEGMENTS_BUCKET = 'lake';

/**
 * Publishes once into a template of the engine; stages are copies of it.
 * @param serverUrl of the PostgreSQL to use instead of the test run's own
 * @param bucketServer with the bucket for segments @default they last in folders
 */
export async function prepareScenario(
  engine: Scenario['engine'],
  serverUrl?: string,
  bucketServer?: S3Server,
): Promise<Scenario> {
  const directory = await mkdtemp(join(tmpdir(), 'sparkify-faults-'));
  await writeBefore(directory);
  const pipeline = resolvePipeline(sparkifyPipeline, {
    logData: join(directory, 'log_data'),
    songData: join(directory, 'song_data'),
  });
  const open = (stage: Stage, url = stage.url, readOnly = false) =>
    openWarehouse(url, {
      cwd: directory,
      segmentsDirectory: stage.segmentsDirectory,
      ...(bucketServer === undefined
        ? {}
        : {
            segments: bucketSegments({
              url: `s3://${SEGMENTS_BUCKET}/${stage.prefix}`,
              cache: stage.segmentsDirectory,
              s3: { endpoint: bucketServer.endpoint, region: 'us-east-1', ...testCredentials },
            }),
          }),
      threads: 1,
      readOnly,
    });
  const run: Scenario['run'] = async (stage, options = {}) => {
    const { url, executor, ...change } = options;
    const warehouse = await open(stage, url);
    try {
      return await runPipeline(
        {
          pipeline,
          warehouse,
          openSource: (root) => openSource(root, { cwd: directory }),
          clock: systemClock,
          failpoints: noFailpoints,
          progress: silentProgress,
          signal: new AbortController().signal,
          workers: 0,
          ...change,
        },
        executor,
      );
    } finally {
      await warehouse.close();
    }
  };
  let made = 0;
  const template = await firstStage(engine, directory, serverUrl);
  await run(template);
  await writeAfter(directory);

  return {
    engine,
    run,
    stage: async () => {
      const stage = await copyStage(engine, directory, template, ++made);
      const bucket = bucketServer?.bucket(SEGMENTS_BUCKET);
      // Whose it is, is not copied: the stage is another warehouse.
      for (const { key, bytes } of (bucket?.versions(`${template.prefix}/`) ?? []).filter(
        (v) => !v.key.endsWith('/owner'),
      ))
        bucket!.put(stage.prefix + key.slice(template.prefix.length), bytes);
      return stage;
    },
    command: (stage) => ({
      args: [
        'run',
        'sparkify',
        '--set',
        `logData=${join(directory, 'log_data')}`,
        '--set',
        `songData=${join(directory, 'song_data')}`,
      ],
      env: {
        SPARKIFY_WAREHOUSE: stage.url,
        ...(bucketServer === undefined
          ? { SPARKIFY_SEGMENTS: stage.segmentsDirectory }
          : {
              SPARKIFY_SEGMENTS: `s3://${SEGMENTS_BUCKET}/${stage.prefix}`,
              SPARKIFY_SEGMENTS_CACHE: stage.segmentsDirectory,
              AWS_ENDPOINT_URL_S3: bucketServer.endpoint,
              AWS_REGION: 'us-east-1',
              AWS_ACCESS_KEY_ID: testCredentials.accessKeyId,
              AWS_SECRET_ACCESS_KEY: testCredentials.secretAccessKey,
            }),
        SPARKIFY_STORE: `sqlite:${join(dirname(stage.segmentsDirectory), 'store.db')}`,
        SPARKIFY_THREADS: '1',
      },
    }),
    outcome: async (stage, options) => {
      const warehouse = await open(stage, stage.url, options?.readOnly);
      try {
        return await warehouse.read(async (session) => {
          const sums: Record<string, string> = {};
          for (const t of pipeline.tables) {
            const { rows, checksum } = await tableChecksum(session, warehouse.dialect, {
              schema: starSchema(warehouse, pipeline),
              table: t.name,
              columns: t.columns,
            });
            sums[t.name] = `${rows} ${checksum}`;
          }
          const objects = await session.all<{ state: string; n: number }>(
            "select state, count(*) as n from sparkify_ledger.objects where state in ('live', 'staged') group by state order by state",
          );
          sums.objects = objects.map((o) => `${o.n} ${o.state}`).join(', ');
          const quarantine = await session.all<{ n: number }>(
            "select count(*) as n from sparkify_ledger.quarantine q join sparkify_ledger.objects o on o.object_id = q.object_id where o.state = 'live'",
          );
          sums.quarantine = String(quarantine[0]!.n);
          const epoch = await session.all<{ epoch: number }>('select epoch from sparkify_ledger.pipelines');
          sums.publishes = String(epoch[0]!.epoch);
          const batches = await session.all<{ n: number }>(
            "select count(*) as n from sparkify_ledger.batches where state = 'published'",
          );
          sums.batches = String(batches[0]!.n);
          if (bucketServer !== undefined) {
            const live = await session.all<{ path: string }>(
              "select path from sparkify_ledger.segments where state = 'live'",
            );
            const keys = bucketServer.bucket(SEGMENTS_BUCKET).versions(`${stage.prefix}/`);
            const stray = keys.filter((v) => !live.some((l) => v.key === `${stage.prefix}/${l.path}`));
            sums.bucket = `${live.length} live, ${keys.length - stray.length} there, ${stray.filter((v) => v.key.endsWith('.parquet')).length} more`;
          }
          if (!warehouse.capabilities.stagingInPlace) {
            for (const { name } of pipeline.stagings) {
              const [staged] = await session.all<{ n: number }>(`select count(*) as n from ${name}`);
              sums[name] = String(staged!.n);
            }
          }
          return sums;
        });
      } finally {
        await warehouse.close();
      }
    },
    dispose: async () => {
      await template.dispose();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

async function firstStage(engine: Scenario['engine'], directory: string, serverUrl?: string): Promise<Stage> {
  if (engine === 'duckdb') {
    const path = join(directory, 'template', 'warehouse.duckdb');
    await mkdir(dirname(path));
    return {
      url: `duckdb:${path}`,
      segmentsDirectory: `${path}.segments`,
      prefix: 'template',
      dispose: async () => undefined,
    };
  }
  const database = await createTestDatabase(serverUrl);
  const segmentsDirectory = join(directory, 'template', 'segments');
  return { url: database.url, segmentsDirectory, prefix: 'template', dispose: database.drop };
}

async function copyStage(engine: Scenario['engine'], directory: string, template: Stage, n: number): Promise<Stage> {
  const folder = join(directory, `stage-${n}`);
  await cp(join(directory, 'template'), folder, { recursive: true });
  const remove = () => rm(folder, { recursive: true, force: true });
  if (engine === 'duckdb') {
    const path = join(folder, 'warehouse.duckdb');
    return { url: `duckdb:${path}`, segmentsDirectory: `${path}.segments`, prefix: `stage-${n}`, dispose: remove };
  }
  const url = new URL(template.url);
  const server = new URL(template.url);
  server.pathname = '/postgres';
  const name = `${template.url.slice(template.url.lastIndexOf('/') + 1)}_${n}`;
  await administer(
    server.href,
    `create database ${name} template ${template.url.slice(template.url.lastIndexOf('/') + 1)}`,
  );
  url.pathname = `/${name}`;
  return {
    url: url.href,
    segmentsDirectory: join(folder, 'segments'),
    prefix: `stage-${n}`,
    dispose: async () => {
      await administer(server.href, `drop database if exists ${name} with (force)`);
      await remove();
    },
  };
}

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import sparkify from '../../pipelines/sparkify/index.ts';
import { systemClock } from '../../src/core/clock.ts';
import { noFailpoints } from '../../src/core/failpoints.ts';
import { silentProgress } from '../../src/core/progress.ts';
import { runPipeline } from '../../src/operators/run.ts';
import type { RunOptions, RunReport } from '../../src/operators/run-state.ts';
import { resolvePipeline } from '../../src/pipeline/define.ts';
import type { Interval } from '../../src/pipeline/interval.ts';
import { openSource } from '../../src/sources/index.ts';
import { openWarehouse } from '../../src/warehouse/open.ts';
import type { SqlSession } from '../../src/warehouse/session.ts';
import type { Warehouse } from '../../src/warehouse/warehouse.ts';
import { createTestDatabase, type TestDatabase } from '../postgres-server/database.ts';
import { useQuickDirectory } from '../property/quick-directory.ts';

const DAY = 86_400_000;
const FIRST = Date.UTC(2018, 10, 1);
const READERS = 2;

/** What one look at the star sees, in parts that the publishes change at different statements. */
const facts: Readonly<Record<string, string>> = {
  epoch: 'select epoch from sparkify_ledger.pipelines',
  covered: 'select coalesce(sum(end_ms - start_ms), 0) from sparkify_ledger.coverage',
  live: "select count(*) from sparkify_ledger.objects where state = 'live'",
  songplays: 'select count(*) from songplays',
  matched: 'select count(song_id) from songplays',
  users: 'select count(*) from users',
  paid: "select count(*) from users where level = 'paid'",
  songs: 'select count(*) from songs',
  artists: 'select count(*) from artists',
  time: 'select count(*) from time',
};

/** Counts that are 0 in every published star. */
const violations: Readonly<Record<string, string>> = {
  starts:
    'select abs((select count(distinct start_time) from songplays) - (select count(*) from time)) + (select count(*) from time t where not exists (select 1 from songplays p where p.start_time = t.start_time))',
  users: 'select count(*) from songplays p where not exists (select 1 from users u where u.user_id = p.user_id)',
  songs:
    'select count(*) from songplays p where p.song_id is not null and not exists (select 1 from songs s where s.song_id = p.song_id)',
  artists: 'select count(*) from songs s where not exists (select 1 from artists a where a.artist_id = s.artist_id)',
};

type Look = Readonly<Record<string, number>>;

const everything = { ...facts, ...Object.fromEntries(Object.entries(violations).map(([k, sql]) => [`bad ${k}`, sql])) };

/** Statement by statement; within one snapshot they must agree. */
async function lookInSteps(session: SqlSession): Promise<Look> {
  const look: Record<string, number> = {};
  for (const [name, sql] of Object.entries(everything)) {
    const [row] = await session.all<{ n: number }>(`select (${sql}) as n`);
    look[name] = Number(row!.n);
  }
  return look;
}

/** All in a single statement, as an analyst without a transaction would ask. */
async function lookAtOnce(session: SqlSession): Promise<Look> {
  const columns = Object.entries(everything).map(([name, sql]) => `(${sql}) as "${name}"`);
  const [row] = await session.all<Record<string, number>>(`select ${columns.join(', ')}`);
  return Object.fromEntries(Object.entries(row!).map(([name, n]) => [name, Number(n)]));
}

describe.each(['duckdb', 'postgres'] as const)('readers on %s', (engine) => {
  let directory: string;
  let database: TestDatabase | undefined;
  let warehouse: Warehouse;

  beforeAll(async () => {
    useQuickDirectory();
    directory = mkdtempSync(join(tmpdir(), 'sparkify-readers-'));
    if (engine === 'postgres') database = await createTestDatabase();
    warehouse = await openWarehouse(database?.url ?? 'duckdb:star.duckdb', {
      cwd: directory,
      segmentsDirectory: join(directory, 'segments'),
      threads: 1,
    });
  });

  afterAll(async () => {
    await warehouse?.close();
    await database?.drop();
    rmSync(directory, { recursive: true, force: true });
  });

  const write = (path: string, records: readonly string[]): void => {
    const file = join(directory, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, records.join('\n'));
  };

  function run(change: Partial<RunOptions> & { readonly match?: 'strict' } = {}): Promise<RunReport> {
    const { match, ...options } = change;
    return runPipeline({
      pipeline: resolvePipeline(sparkify, {
        logData: join(directory, 'log_data'),
        songData: join(directory, 'song_data'),
        ...(match === undefined ? {} : { match }),
      }),
      warehouse,
      openSource: (root) => openSource(root, { cwd: directory }),
      clock: systemClock,
      failpoints: noFailpoints,
      progress: silentProgress,
      signal: new AbortController().signal,
      workers: 0,
      ...options,
    });
  }

  /** Each makes one publish that touches several tables, also outside of its interval. */
  const publishes: readonly (() => Promise<RunReport>)[] = [
    () => {
      for (const day of [0, 1, 2]) write(logPath(day), events(day, 20, 0));
      for (const n of [0, 1, 2]) write(songPath(n), [song(n)]);
      return run({ interval: days(0, 1) });
    },
    () => run({ interval: days(1, 3) }),
    () => {
      for (const n of [3, 4]) write(songPath(n), [song(n)]);
      return run({ interval: days(0, 1) });
    },
    () => {
      write(logPath(1), events(1, 12, 5));
      return run({ interval: days(1, 2) });
    },
    () => run({ rebuild: true }),
    () => {
      write(logPath(0), events(0, 25, 3));
      write(songPath(0), [song(0).replace('Song 0', 'Song 6')]);
      return run();
    },
    () => run({ rebuild: true, match: 'strict' }),
    () => run({ rebuild: true }),
    () => {
      rmSync(join(directory, logPath(2)));
      return run({ prune: true, pruneAll: true });
    },
  ];

  test('see one published star at every look, whatever is being published', async () => {
    await publishes[0]!();
    const published = [await warehouse.read(lookInSteps)];
    const seen: Look[] = [];
    let done = false;
    const reader = async (look: (session: SqlSession) => Promise<Look>): Promise<void> => {
      while (!done) seen.push(await warehouse.read(look));
    };
    const readers = Array.from({ length: READERS }, (_, i) => reader(i === 0 ? lookAtOnce : lookInSteps));
    // A reader that fails is met below; until then it must not count as unhandled.
    for (const r of readers) r.catch(() => undefined);
    try {
      for (const publish of publishes.slice(1)) {
        expect(await publish()).toMatchObject({ outcome: 'published' });
        published.push(await warehouse.read(lookInSteps));
      }
    } finally {
      done = true;
    }
    await Promise.all(readers);
    // The publishes differ from each other, or a mixture of two could not be told.
    expect(new Set(published.map((p) => JSON.stringify({ ...p, epoch: 0 }))).size).toBeGreaterThanOrEqual(6);
    for (const look of published) for (const name of Object.keys(violations)) expect(look[`bad ${name}`]).toBe(0);
    expect(new Set(seen.map((s) => s.epoch)).size).toBeGreaterThan(1);
    const byEpoch = new Map(published.map((p) => [p.epoch, p]));
    for (const look of seen) expect(look).toEqual(byEpoch.get(look.epoch!));
  });
});

function days(from: number, to: number): Interval {
  return { startMs: FIRST + from * DAY, endMs: FIRST + to * DAY };
}

const logPath = (day: number): string => `log_data/2018/11/2018-11-0${day + 1}-events.json`;
const songPath = (n: number): string => `song_data/A/A/A/TRAAA0000${n}.json`;

function events(day: number, count: number, shift: number): readonly string[] {
  return Array.from({ length: count }, (_, n) => {
    const user = (n * 7 + day + shift) % 9;
    return JSON.stringify({
      artist: `Artist ${n % 3}`,
      auth: 'Logged In',
      firstName: `F${user}`,
      gender: 'F',
      itemInSession: n,
      lastName: 'L',
      length: 100 + (n % 3),
      level: (n + shift) % 4 === 0 ? 'paid' : 'free',
      location: 'Lansing',
      method: 'PUT',
      page: n % 6 === 5 ? 'Home' : 'NextSong',
      registration: 1541077528796,
      sessionId: 100 + day,
      song: `Song ${n % 7}`,
      status: 200,
      ts: FIRST + day * DAY + n * 600_000 + shift,
      userAgent: '"Mozilla"',
      userId: String(user + 10 * day + 1),
    });
  });
}

function song(n: number): string {
  return JSON.stringify({
    num_songs: 1,
    artist_id: `AR${n % 3}`,
    artist_latitude: null,
    artist_longitude: null,
    artist_location: '',
    artist_name: `Artist ${n % 3}`,
    song_id: `SO${n}`,
    title: `Song ${n}`,
    duration: 100 + (n % 2),
    year: 2000,
  });
}

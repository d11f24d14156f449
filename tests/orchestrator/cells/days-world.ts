import { mkdirSync, mkdtempSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import {
  chain,
  check,
  col,
  createTables,
  definePipeline,
  dimension,
  every,
  fact,
  loadDimension,
  loadFact,
  marker,
  publish,
  quality,
  read,
  resolvePipeline,
  stage,
  staging,
  waitForObjects,
  z,
} from 'sparkify';
import { noFailpoints } from '../../../src/core/failpoints.ts';
import { silentProgress } from '../../../src/core/progress.ts';
import { type VirtualTime, virtualTime } from '../../../src/core/timers.ts';
import { runPipeline } from '../../../src/operators/run.ts';
import type { RunOptions, RunReport } from '../../../src/operators/run-state.ts';
import { type Knowledge, keepKnowledge } from '../../../src/orchestrator/cells/knowledge.ts';
import { makePlan } from '../../../src/orchestrator/cells/make-plan.ts';
import type { Plan, PlanRequest } from '../../../src/orchestrator/cells/plan.ts';
import type { PlanRange } from '../../../src/orchestrator/cells/plan-grid.ts';
import { type RefreshedListing, refreshListings } from '../../../src/orchestrator/cells/refresh-listings.ts';
import { cellSentence } from '../../../src/orchestrator/cells/why.ts';
import { registerPipelines } from '../../../src/orchestrator/scheduler/register-pipelines.ts';
import { openStore } from '../../../src/orchestrator/store/open-store.ts';
import type { Store } from '../../../src/orchestrator/store/store.ts';
import type { ResolvedPipeline } from '../../../src/pipeline/define.ts';
import type { Interval } from '../../../src/pipeline/interval.ts';
import { openSource, type Source } from '../../../src/sources/index.ts';
import { tableChecksum } from '../../../src/warehouse/checksum.ts';
import { openWarehouse } from '../../../src/warehouse/open.ts';
import type { Warehouse } from '../../../src/warehouse/warehouse.ts';

const DAY_MS = 86_400_000;
export const firstMs = Date.UTC(2018, 10, 1);

/** Plays by day, and songs that belong to no day. A play of kind `bad` does not pass the audit. */
const plays = definePipeline({
  name: 'plays',
  schedule: every('1 day', { start: '2018-11-01' }),
  params: z.object({ root: z.string() }),
  define: ({ root }) => {
    const log = staging('staging_plays', {
      doc: 'Plays by day.',
      root: join(root, 'log'),
      template: '{yyyy-MM-dd}.json',
      key: ['id'],
      eventTime: 'at',
      columns: {
        id: read.integer({ required: true, doc: 'Number.' }),
        at: read.epochMs({ required: true, doc: 'When.' }),
        kind: read.text({ required: true, doc: 'Kind.' }),
      },
    });
    const catalogue = staging('staging_songs', {
      doc: 'Songs.',
      root: join(root, 'songs'),
      key: ['song'],
      columns: { song: read.integer({ required: true, doc: 'Number.' }), title: read.text({ doc: 'Title.' }) },
    });
    const facts = fact('plays', {
      doc: 'One row a play.',
      from: log,
      key: ['id'],
      columns: {
        id: col.bigint({ sql: 'r.id', nullable: false, doc: 'Number.' }),
        kind: col.text({ sql: 'r.kind', nullable: false, doc: 'Kind.' }),
      },
    });
    const songs = dimension('songs', {
      doc: 'One row a song.',
      from: catalogue,
      winner: [{ sql: 'r.title' }],
      key: ['song'],
      columns: {
        song: col.bigint({ sql: 'r.song', nullable: false, doc: 'Number.' }),
        title: col.text({ sql: 'r.title', doc: 'Title.' }),
      },
    });
    const checks = [
      check.acceptedValues('plays', 'kind', ['good', 'better']),
      check.rowCount('plays', { min: 0 }),
      check.rowCount('songs', { min: 0 }),
    ];
    return {
      stagings: [log, catalogue],
      tables: [facts, songs],
      tasks: chain(
        marker('begin'),
        waitForObjects(log, { grace: '1 hour' }),
        createTables(),
        [stage(log), stage(catalogue)],
        [loadFact(facts), loadDimension(songs)],
        quality(checks),
        publish(),
        marker('end'),
      ),
    };
  },
});

export const dayName = (n: number): string => new Date(firstMs + (n - 1) * DAY_MS).toISOString().slice(0, 10);

/** Days of November, from one to another, which is outside. */
export const november = (from: number, to = from + 1): Interval => ({
  startMs: firstMs + (from - 1) * DAY_MS,
  endMs: firstMs + (to - 1) * DAY_MS,
});

/** Files of days and songs, an embedded warehouse, and a store, on virtual time. */
export class DaysWorld {
  readonly directory = mkdtempSync(join(tmpdir(), 'sparkify-days-'));
  readonly time: VirtualTime = virtualTime(Date.UTC(2018, 11, 1));
  readonly notes: string[] = [];
  #knowledge: Knowledge | undefined;
  /** Stands for what cannot be listed. */
  unreachable: string | undefined;
  store!: Store;
  warehouse!: Warehouse;

  async open(): Promise<this> {
    mkdirSync(join(this.directory, 'songs'), { recursive: true });
    mkdirSync(join(this.directory, 'log'), { recursive: true });
    this.store = await openStore(`sqlite:${join(this.directory, 'store.db')}`, { clock: this.time, pollMs: 5 });
    this.warehouse = await this.openWarehouse();
    await registerPipelines(this.store, { resolved: [this.pipeline], broken: [] });
    return this;
  }

  openWarehouse(): Promise<Warehouse> {
    return openWarehouse('duckdb:w.db', { cwd: this.directory, threads: 1 });
  }

  /** For a node, which closes what it opened. */
  lentWarehouse(): Warehouse {
    return new Proxy(this.warehouse, {
      get: (own, name) => {
        if (name === 'close') return async () => {};
        const value: unknown = Reflect.get(own, name, own);
        return typeof value === 'function' ? value.bind(own) : value;
      },
    });
  }

  get pipeline(): ResolvedPipeline {
    return resolvePipeline(plays, { root: this.directory });
  }

  /** A play `n` of this day; its number begins with the day's. */
  play(day: number, n: number, kind = 'good'): string {
    return JSON.stringify({ id: day * 100 + n, at: november(day).startMs + n * 3_600_000, kind });
  }

  /** The file of a day, written a minute ago. */
  write(day: number, lines: readonly string[]): void {
    this.#write(this.fileOf(day), lines);
  }

  song(n: number, title: string): void {
    this.#write(join('songs', `${n}.json`), [JSON.stringify({ song: n, title })]);
  }

  #write(name: string, lines: readonly string[]): void {
    const path = join(this.directory, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, lines.join('\n'));
    this.touch(name);
  }

  fileOf(day: number): string {
    return join('log', `${dayName(day)}.json`);
  }

  /** Gives a file another time and nothing else. */
  touch(name: string): void {
    this.time.advance(60_000);
    const seconds = (this.time.nowMs() - 60_000) / 1000;
    utimesSync(join(this.directory, name), seconds, seconds);
  }

  /** Writes as many bytes in the same moment: only its contents tell. */
  overwrite(day: number, lines: readonly string[]): void {
    const path = join(this.directory, this.fileOf(day));
    const { mtime, size } = statSync(path);
    writeFileSync(path, lines.join('\n'));
    if (statSync(path).size !== size) throw new Error('not as many bytes');
    utimesSync(path, mtime, mtime);
  }

  openSource(root: string): Promise<Source> {
    if (this.unreachable !== undefined && root.endsWith(this.unreachable))
      return Promise.reject(new Error(`${this.unreachable} does not answer`));
    const { time } = this;
    const timing = { nowMs: () => time.nowMs(), random: () => 0, sleep: async () => {} };
    return openSource(root, { cwd: this.directory, timing });
  }

  remove(day: number): void {
    rmSync(join(this.directory, this.fileOf(day)));
  }

  /** A run without a node, whose looks and publish are kept in the store. */
  async run(change: Partial<RunOptions> = {}): Promise<RunReport> {
    this.time.advance(60_000);
    this.#knowledge ??= keepKnowledge({ store: this.store, clock: this.time, note: (n) => this.notes.push(n) });
    const knowledge = this.#knowledge;
    try {
      const report = await runPipeline({
        pipeline: this.pipeline,
        warehouse: this.warehouse,
        openSource: (root) => this.openSource(root),
        clock: this.time,
        failpoints: noFailpoints,
        progress: silentProgress,
        signal: new AbortController().signal,
        workers: 0,
        onLook: knowledge.onLook,
        ...change,
      });
      await knowledge.onReport(report, this.warehouse);
      return report;
    } catch (error) {
      await knowledge.read([this.pipeline.name], this.warehouse);
      throw error;
    }
  }

  async refresh(): Promise<readonly RefreshedListing[]> {
    this.time.advance(60_000);
    return refreshListings(this.pipeline, {
      store: this.store,
      warehouse: this.warehouse,
      openSource: (root) => this.openSource(root),
      clock: this.time,
    });
  }

  plan(request: PlanRequest & PlanRange = {}): Promise<Plan> {
    return makePlan(this.store.db, 'plays', request, this.time.nowMs());
  }

  /** `day sentence` of the cells that are not done. */
  async openCells(request: PlanRange = {}): Promise<readonly string[]> {
    const { cells } = await this.plan(request);
    return cells.flatMap((c) =>
      c.head.state === 'done' ? [] : [`${new Date(c.startMs).toISOString().slice(8, 10)} ${cellSentence(c.head)}`],
    );
  }

  async rows(sql: string): Promise<readonly (readonly unknown[])[]> {
    return (await this.warehouse.read((s) => s.all(sql))).map((r) => Object.values(r));
  }

  async checksums(): Promise<readonly string[]> {
    return this.warehouse.read(async (session) => {
      const sums: string[] = [];
      for (const { name, columns } of this.pipeline.tables)
        sums.push(
          (await tableChecksum(session, this.warehouse.dialect, { schema: 'main', table: name, columns })).checksum,
        );
      return sums;
    });
  }

  async close(): Promise<void> {
    await this.warehouse.close();
    await this.store.close();
    rmSync(this.directory, { recursive: true, force: true });
  }
}

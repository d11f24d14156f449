import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import {
  chain,
  check,
  col,
  createTables,
  definePipeline,
  dimension,
  fact,
  loadDimension,
  loadFact,
  publish,
  quality,
  read,
  resolvePipeline,
  stage,
  staging,
  z,
} from 'sparkify';
import { fixedClock } from '../../src/core/clock.ts';
import { type Failpoints, noFailpoints } from '../../src/core/failpoints.ts';
import { silentProgress } from '../../src/core/progress.ts';
import { coverageOf } from '../../src/ledger/coverage.ts';
import { type QuarantineEntry, quarantineEntries } from '../../src/ledger/quarantine-view.ts';
import { runPipeline } from '../../src/operators/run.ts';
import type { RunOptions, RunReport } from '../../src/operators/run-state.ts';
import type { ResolvedPipeline } from '../../src/pipeline/define.ts';
import type { SegmentStore } from '../../src/segments/store.ts';
import { openSource } from '../../src/sources/index.ts';
import type { Standing } from '../../src/star/standing.ts';
import { openWarehouse } from '../../src/warehouse/open.ts';
import type { Row } from '../../src/warehouse/session.ts';
import type { Warehouse } from '../../src/warehouse/warehouse.ts';

/** One staging, one fact, one dimension; `maxPlace` is what a rejected record may be waiting for. */
export const visitsPipeline = definePipeline({
  name: 'visits',
  params: z.object({ root: z.string(), maxPlace: z.number().default(10) }),
  define: ({ root, maxPlace }) => {
    const visits = staging('staging_visits', {
      doc: 'Visits.',
      root,
      columns: {
        visit: read.integer({ required: true, doc: 'Number.' }),
        ts: read.epochMs({ required: true, doc: 'When.' }),
        guest: read.text({ required: true, doc: 'Who.' }),
        place: read.integer({ required: true, max: maxPlace, doc: 'Where.' }),
      },
      key: ['visit'],
      eventTime: 'ts',
      maxQuarantineShare: 0.05,
    });
    const facts = fact('visits', {
      doc: 'One row a visit.',
      from: visits,
      columns: {
        visit: col.bigint({ sql: 'r.visit', nullable: false, doc: 'Number.' }),
        guest: col.text({ sql: 'r.guest', nullable: false, references: 'guests.guest', doc: 'Who.' }),
        place: col.bigint({ sql: 'r.place', nullable: false, doc: 'Where.' }),
      },
      key: ['visit'],
    });
    const guests = dimension('guests', {
      doc: 'One row a guest.',
      from: visits,
      winner: [{ sql: 'r.ts', descending: true }],
      columns: {
        guest: col.text({ sql: 'r.guest', nullable: false, doc: 'Who.' }),
        last_place: col.bigint({ sql: 'r.place', doc: 'Where they were last.' }),
      },
      key: ['guest'],
    });
    const checks = [check.unique('visits', ['visit']), check.references('visits', 'guest', 'guests', 'guest')];
    return {
      stagings: [visits],
      tables: [facts, guests],
      tasks: chain(createTables(), stage(visits), loadFact(facts), loadDimension(guests), quality(checks), publish()),
    };
  },
});

export const T0 = Date.UTC(2024, 0, 1);

export function visit(n: number, rest: Record<string, unknown> = {}): string {
  return JSON.stringify({ visit: n, ts: T0 + n, guest: `g${n % 3}`, place: n % 7, ...rest });
}

/** A folder of sources, and an embedded warehouse beside it. */
export class VisitsWorld {
  readonly directory = mkdtempSync(join(tmpdir(), 'sparkify-visits-'));
  readonly clock = fixedClock(Date.UTC(2025, 0, 1));
  warehouse!: Warehouse;
  maxPlace = 10;
  readonly url: string | undefined;
  /** Where segments last from the next opening on. @default a folder */
  segments: SegmentStore | undefined;

  constructor(url?: string) {
    this.url = url;
  }

  async open(): Promise<this> {
    this.warehouse = await openWarehouse(this.url ?? 'duckdb:w.db', {
      cwd: this.directory,
      ...(this.segments === undefined
        ? { segmentsDirectory: join(this.directory, 'segments') }
        : { segments: this.segments }),
      threads: 1,
    });
    return this;
  }

  get pipeline(): ResolvedPipeline {
    return resolvePipeline(visitsPipeline, { root: join(this.directory, 'in'), maxPlace: this.maxPlace });
  }

  write(name: string, lines: readonly string[]): void {
    const path = join(this.directory, 'in', name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, lines.join('\n'));
  }

  options(failpoints: Failpoints = noFailpoints): RunOptions {
    return {
      pipeline: this.pipeline,
      warehouse: this.warehouse,
      openSource: (root) => openSource(root, { cwd: this.directory }),
      clock: this.clock,
      failpoints,
      progress: silentProgress,
      signal: new AbortController().signal,
      workers: 0,
    };
  }

  run(change: Partial<RunOptions> = {}): Promise<RunReport> {
    this.clock.advance(60_000);
    return runPipeline({ ...this.options(), ...change });
  }

  async rows(table: string): Promise<readonly Row[]> {
    return this.warehouse.read((s) => s.all(`select * from ${table} order by 1`));
  }

  async visits(): Promise<readonly number[]> {
    return (await this.rows('visits')).map((r) => Number(r.visit));
  }

  async quarantine(): Promise<readonly QuarantineEntry[]> {
    return this.warehouse.read(async (s) => {
      const entries: QuarantineEntry[] = [];
      for await (const e of quarantineEntries(s, 'visits', { all: true })) entries.push(e);
      return entries;
    });
  }

  /** What `trace` and `check` look at. */
  async standing<T>(work: (standing: Standing) => Promise<T>): Promise<T> {
    const coverage = await this.warehouse.read((s) => coverageOf(s, 'visits'));
    const session = await this.warehouse.compute.connect();
    try {
      const { segments } = this.warehouse;
      return await work({ session, segments, pipeline: this.pipeline, schema: 'main', coverage });
    } finally {
      session.close();
    }
  }

  async close(): Promise<void> {
    await this.warehouse.close();
    rmSync(this.directory, { recursive: true, force: true });
  }
}

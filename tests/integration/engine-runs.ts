import sparkifyPipeline from '../../pipelines/sparkify/index.ts';
import { systemClock } from '../../src/core/clock.ts';
import { noFailpoints } from '../../src/core/failpoints.ts';
import { silentProgress } from '../../src/core/progress.ts';
import { starSchema } from '../../src/operators/create-tables.ts';
import { runPipeline } from '../../src/operators/run.ts';
import type { RunOptions, RunReport } from '../../src/operators/run-state.ts';
import { type Pipeline, type ResolvedPipeline, resolvePipeline } from '../../src/pipeline/define.ts';
import { openSource } from '../../src/sources/index.ts';
import { tableChecksum } from '../../src/warehouse/checksum.ts';
import type { Warehouse } from '../../src/warehouse/warehouse.ts';

export interface EngineRun {
  readonly pipeline: ResolvedPipeline;
  readonly options: RunOptions;
  run(change?: Partial<RunOptions>): Promise<RunReport>;
  /** Checksum of every star table. */
  checksums(): Promise<Readonly<Record<string, string>>>;
  one(sql: string): Promise<unknown>;
  rows(sql: string): Promise<readonly (readonly unknown[])[]>;
}

/** The sparkify pipeline, or another, in an open warehouse. */
export function engineRun(
  warehouse: Warehouse,
  params: Readonly<Record<string, unknown>>,
  definition: Pipeline = sparkifyPipeline,
): EngineRun {
  const pipeline = resolvePipeline(definition, params);
  const rows = (sql: string): Promise<readonly (readonly unknown[])[]> =>
    warehouse.read(async (session) =>
      (await session.all<Record<string, unknown>>(sql)).map((r) =>
        Object.values(r).map((v) => (v instanceof Date ? v.toISOString() : v)),
      ),
    );
  const options: RunOptions = {
    pipeline,
    warehouse,
    openSource: (root) => openSource(root, { cwd: '/' }),
    clock: systemClock,
    failpoints: noFailpoints,
    progress: silentProgress,
    signal: new AbortController().signal,
  };
  return {
    pipeline,
    options,
    run: (change = {}) => runPipeline({ ...options, ...change }),
    checksums: () =>
      warehouse.read(async (session) => {
        const sums: Record<string, string> = {};
        for (const t of pipeline.tables) {
          const { checksum, rows: n } = await tableChecksum(session, warehouse.dialect, {
            schema: starSchema(warehouse, pipeline),
            table: t.name,
            columns: t.columns,
          });
          sums[t.name] = `${n} ${checksum}`;
        }
        return sums;
      }),
    one: async (sql) => (await rows(sql))[0]?.[0],
    rows,
  };
}

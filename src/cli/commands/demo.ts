import { existsSync } from 'node:fs';
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';
import { systemClock } from '../../core/clock.ts';
import { durationText } from '../../core/duration-text.ts';
import { SparkifyError } from '../../core/errors.ts';
import { runPipeline } from '../../operators/run.ts';
import type { ResolvedPipeline } from '../../pipeline/define.ts';
import { localFolderSink, type SimulationTruth, simulate } from '../../simulator/index.ts';
import { openSource } from '../../sources/index.ts';
import { openWarehouse } from '../../warehouse/open.ts';
import type { Warehouse } from '../../warehouse/warehouse.ts';
import { type CliContext, line } from '../context.ts';
import { type Compared, compareWithTruth } from '../demo-comparison.ts';
import { withParameters } from '../parameters.ts';
import { type ProgressView, progressView, step } from '../progress.ts';
import { enterStar } from '../star-schema.ts';
import { grouped } from '../values.ts';
import { showAnalysis } from './analyze.ts';

export interface DemoFlags {
  readonly directory: string;
  readonly seed: number;
  readonly users: number;
  readonly songs: number;
}

/** Marks a folder as one that a demo made and may replace. */
const MARKER = '.sparkify-demo';

/** `sparkify demo`: a simulated month, loaded, audited, compared with its truth, and what people heard in it. */
export async function demo(context: CliContext, flags: DemoFlags): Promise<number> {
  const started = performance.now();
  const directory = resolve(context.cwd, flags.directory);
  await prepareFolder(directory, flags.directory);
  const view = progressView(context);
  try {
    const truth = await simulateMonth(context, view, directory, flags);
    const { default: declared } = await import('../../../pipelines/sparkify/index.ts');
    const pipeline = withParameters(declared, {
      config: { logData: join(directory, 'data', 'log_data'), songData: join(directory, 'data', 'song_data') },
      set: {},
      cwd: directory,
      projectDirectory: directory,
    });
    const warehouse = await openWarehouse(`duckdb:${join(directory, 'warehouse.duckdb')}`, { cwd: directory });
    try {
      await load(context, view, warehouse, pipeline);
      const equal = await warehouse.read(async (session) => {
        await enterStar(warehouse, session, pipeline);
        const compared = await step(
          view.listener,
          'compare with the truth',
          () => compareWithTruth(session, truth),
          (all) => `${all.filter((c) => c.expected === c.found).length} of ${all.length} numbers are equal`,
        );
        view.stop();
        await printComparison(context, compared);
        for (const name of ['top-songs', 'busiest-hours']) {
          const analysis = pipeline.analyses.find((a) => a.name === name);
          if (analysis !== undefined) await showAnalysis(context, session, analysis);
        }
        return compared.every((c) => c.expected === c.found);
      });
      await printNext(context, directory, performance.now() - started);
      return equal ? 0 : 1;
    } finally {
      await warehouse.close();
    }
  } finally {
    view.stop();
  }
}

async function prepareFolder(directory: string, shown: string): Promise<void> {
  if (existsSync(directory) && !existsSync(join(directory, MARKER)) && (await readdir(directory)).length > 0) {
    throw new SparkifyError('USAGE', {
      detail: `${shown} is not empty, and no demo made it; nothing was written.`,
      fix: 'Name another folder: sparkify demo --directory DIR',
    });
  }
  await rm(directory, { recursive: true, force: true });
  await mkdir(directory, { recursive: true });
  await writeFile(join(directory, MARKER), 'This folder belongs to `sparkify demo`, which replaces it.\n');
}

function simulateMonth(
  context: CliContext,
  view: ProgressView,
  directory: string,
  flags: DemoFlags,
): Promise<SimulationTruth> {
  return step(
    view.listener,
    'simulate November 2018',
    (tell) =>
      simulate(
        {
          seed: flags.seed,
          users: flags.users,
          songs: flags.songs,
          from: '2018-11-01',
          to: '2018-12-01',
          defects: 'all',
          signal: context.signal,
          onProgress: (p) => tell(`${p.phase} (${grouped(p.events)} events)`, p.done, p.total),
        },
        localFolderSink(join(directory, 'data')),
      ),
    (t) =>
      `${grouped(t.records.events.read)} events and ${grouped(t.records.songs.read)} songs, some broken on purpose`,
  );
}

async function load(
  context: CliContext,
  view: ProgressView,
  warehouse: Warehouse,
  pipeline: ResolvedPipeline,
): Promise<void> {
  await runPipeline({
    pipeline,
    warehouse,
    openSource: (root) => openSource(root, { cwd: context.cwd }),
    clock: systemClock,
    failpoints: context.failpoints,
    progress: view.listener,
    signal: context.signal,
  });
}

async function printComparison(context: CliContext, compared: readonly Compared[]): Promise<void> {
  const c = context.outColors;
  await line(context.out, `\n${c.bold('The star, compared with the truth')}`);
  for (const { what, expected, found } of compared) {
    const equal = expected === found;
    const long = expected.length > 24;
    const value = equal
      ? long
        ? 'equal'
        : expected.replace(/^\d+$/, (n) => grouped(BigInt(n)))
      : `expected ${expected}, found ${found}`;
    await line(context.out, `${equal ? c.green('✓') : c.red('✗')} ${what}  ${value}`);
  }
  await line(context.out);
}

async function printNext(context: CliContext, directory: string, tookMs: number): Promise<void> {
  const c = context.outColors;
  const warehouse = `--warehouse duckdb:${relative(context.cwd, join(directory, 'warehouse.duckdb'))}`;
  await line(context.out, c.dim(`Done in ${durationText(tookMs)}. Try next:`));
  for (const command of [
    `npx sparkify query "select level, count(*) as plays from songplays group by level" ${warehouse}`,
    `npx sparkify quarantine list ${warehouse}`,
    'npx sparkify init my-warehouse',
  ])
    await line(context.out, `  ${c.bold(command)}`);
}

import { existsSync } from 'node:fs';
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';
import { durationText } from '../../core/duration-text.ts';
import { SparkifyError } from '../../core/errors.ts';
import { grouped } from '../../core/grouped.ts';
import { formatInterval } from '../../pipeline/interval.ts';
import { localFolderSink, type SimulationTruth, simulate } from '../../simulator/index.ts';
import { openWarehouse } from '../../warehouse/open.ts';
import { type CliContext, line } from '../context.ts';
import { type Compared, compareWithTruth } from '../demo-comparison.ts';
import { type DemoHistory, makeHistory } from '../demo-history.ts';
import { holdBackEvents } from '../demo-late-file.ts';
import { withParameters } from '../parameters.ts';
import { type ProgressView, progressView, step } from '../progress.ts';
import { openProject, parameterSources, pipelineOf } from '../project.ts';
import { enterStar } from '../star-schema.ts';
import { inStateColor, stateMark } from '../state-mark.ts';
import { showAnalysis } from './analyze.ts';

export interface DemoFlags {
  readonly directory: string;
  readonly seed: number;
  readonly users: number;
  readonly songs: number;
}

const CONFIGURATION = `import { defineConfig } from 'sparkify';

export default defineConfig({
  warehouse: 'duckdb:warehouse.duckdb',
  params: { sparkify: { logData: 'data/log_data', songData: 'data/song_data' } },
});
`;

/** Marks a folder as one that a demo made and may replace. */
const MARKER = '.sparkify-demo';

/** `sparkify demo`: a simulated month by a backfill, a late file repaired, all compared with the truth, and what people heard. */
export async function demo(context: CliContext, flags: DemoFlags): Promise<number> {
  const started = performance.now();
  const directory = resolve(context.cwd, flags.directory);
  await prepareFolder(directory, flags.directory);
  const view = progressView(context);
  try {
    const truth = await simulateMonth(context, view, directory, flags);
    await writeFile(join(directory, 'sparkify.config.ts'), CONFIGURATION);
    const project = await openProject({ ...context, cwd: directory, env: own(context.env) }, {});
    const lateFile = await holdBackEvents(join(directory, 'data', 'log_data'));
    const { stale } = await makeHistory(context, view, project, lateFile);
    const declared = pipelineOf(project, 'sparkify');
    const pipeline = withParameters(declared, parameterSources(context, project, declared));
    const warehouse = await openWarehouse(project.warehouseUrl, { cwd: directory });
    try {
      const equal = await warehouse.read(async (session) => {
        await enterStar(warehouse, session, pipeline);
        const compared = await step(
          view.listener,
          'compare with the truth',
          () => compareWithTruth(session, truth),
          (all) => `${all.filter((c) => c.expected === c.found).length} of ${all.length} numbers are equal`,
        );
        view.stop();
        await printStale(context, stale);
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

/** What the late file did to the plan, before the second backfill. */
async function printStale(context: CliContext, plan: DemoHistory['stale']): Promise<void> {
  const c = context.outColors;
  await line(context.out, `\n${c.bold('The late file, as `sparkify plan` saw it')}`);
  for (const { startMs, endMs, head } of plan.cells)
    if (head.state === 'stale')
      await line(
        context.out,
        `${inStateColor(c, 'stale', stateMark('stale'))} ${formatInterval({ startMs, endMs })}  ${head.reason}`,
      );
}

/** The demo's project is its folder, whatever the environment names for others. */
function own(env: CliContext['env']): CliContext['env'] {
  const names = ['SPARKIFY_CONFIG', 'SPARKIFY_WAREHOUSE', 'SPARKIFY_STORE', 'SPARKIFY_SEGMENTS'];
  return Object.fromEntries(Object.entries(env).filter(([name]) => !names.includes(name)));
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
  await line(context.out, c.dim(`Done in ${durationText(tookMs)}. Try next, in ${relative(context.cwd, directory)}:`));
  for (const command of [
    'npx sparkify plan sparkify --from 2018-11-01 --to 2018-12-01',
    'npx sparkify query "select level, count(*) as plays from songplays group by level"',
    'npx sparkify up',
  ])
    await line(context.out, `  ${c.bold(command)}`);
}

import { readdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SparkifyError } from '../../core/errors.ts';
import { grouped } from '../../core/grouped.ts';
import { type SimulateOptions, simulate } from '../../simulator/index.ts';
import { type CliContext, line } from '../context.ts';
import { readJsonFile } from '../json-file.ts';
import { jsonText } from '../output.ts';
import { progressView, step } from '../progress.ts';
import { openProject } from '../project.ts';
import { openOutput } from '../source-access.ts';

export interface SimulateFlags {
  readonly out: string;
  readonly seed?: number;
  readonly users?: number;
  readonly songs?: number;
  readonly from?: string;
  readonly to?: string;
  readonly config?: string;
  readonly defects?: string;
  readonly json?: boolean;
}

/** `sparkify simulate`: songs, logs and the truth about them, to a folder or a bucket. */
export async function simulateCommand(context: CliContext, flags: SimulateFlags): Promise<number> {
  const { seed, users, songs, from, to } = flags;
  const options: SimulateOptions = {
    ...(seed === undefined ? {} : { seed }),
    ...(users === undefined ? {} : { users }),
    ...(songs === undefined ? {} : { songs }),
    ...(from === undefined ? {} : { from }),
    ...(to === undefined ? {} : { to }),
    ...(flags.config === undefined ? {} : { config: await readJsonFile(context.cwd, flags.config, 'configuration') }),
    ...(flags.defects === undefined ? {} : { defects: await defectsOf(context, flags.defects) }),
    signal: context.signal,
  };
  await refuseMixture(context, flags.out);
  const project = await openProject(context, {});
  const view = progressView(context);
  const sink = await openOutput(context, project, flags.out);
  try {
    const truth = await step(
      view.listener,
      'simulate',
      async (tell) => {
        const result = await simulate(
          { ...options, onProgress: (p) => tell(`${p.phase} (${grouped(p.events)} events)`, p.done, p.total) },
          // The simulator reuses its buffers, the sink keeps what it was given until it is written.
          { write: (key, content) => sink.write(key, new Uint8Array(content)) },
        );
        await sink.close();
        return result;
      },
      (t) => `${grouped(t.records.events.read)} events, ${grouped(t.records.songs.read)} songs`,
    );
    view.stop();
    if (flags.json === true) await line(context.out, jsonText(truth));
    else await tellNext(context, flags.out, Object.entries(truth.tables));
    return 0;
  } finally {
    view.stop();
  }
}

/** What an earlier simulation left in a folder would be read with this one's files, and the truth would hold for neither. */
async function refuseMixture(context: CliContext, out: string): Promise<void> {
  if (out.includes('://') && !out.startsWith('file://')) return;
  const folder = out.startsWith('file://') ? fileURLToPath(out) : resolve(context.cwd, out);
  const found = await readdir(folder).catch((): readonly string[] => []);
  const own = ['truth.json', 'log_data', 'song_data'].filter((name) => found.includes(name));
  if (own.length === 0) return;
  throw new SparkifyError('USAGE', {
    detail: `${out} holds ${own.join(', ')} already, and the truth is of one simulation only; nothing was written.`,
    fix: 'Name another folder, or remove what lies there.',
  });
}

async function defectsOf(context: CliContext, text: string): Promise<unknown> {
  return text === 'all' || text === 'none' ? text : readJsonFile(context.cwd, text, 'file of defects');
}

async function tellNext(context: CliContext, out: string, tables: readonly (readonly [string, number])[]) {
  const c = context.outColors;
  const place = (name: string) => (out.includes('://') ? `${out.replace(/\/$/, '')}/${name}` : join(out, name));
  await line(context.out, `${c.green('✓')} Written to ${out}; truth.json says what a warehouse must hold:`);
  await line(context.out, c.dim(tables.map(([name, rows]) => `${name} ${grouped(rows)}`).join(' · ')));
  await line(context.out, 'Load it:');
  await line(
    context.out,
    `  ${c.bold(`sparkify run sparkify --set logData=${place('log_data')} --set songData=${place('song_data')}`)}`,
  );
}

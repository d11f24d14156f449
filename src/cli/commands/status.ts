import { formatInterval } from '../../pipeline/interval.ts';
import type { Answer } from '../../server/api.ts';
import { type CliContext, line } from '../context.ts';
import { type ControlFlags, withControl } from '../control.ts';
import { jsonText } from '../output.ts';
import { visible } from '../text-width.ts';
import { distanceText, momentText } from '../time-text.ts';

type Status = Answer<'getStatus'>;
type Concern = Status['failing'][number];

/** Of each kind so many are shown. */
const SHOWN = 10;

/** `sparkify status`: one sentence, then what fails, is late, stale, runs or waits, each with its reason, and what comes next. */
export async function status(
  context: CliContext,
  flags: ControlFlags & { readonly json?: boolean },
  pipeline?: string,
): Promise<number> {
  return withControl(context, flags, async ({ api }) => {
    const found = await api.call('getStatus', { query: { pipeline } });
    if (flags.json === true) await line(context.out, jsonText(found, 2));
    else await print(context, found);
    return 0;
  });
}

async function print(context: CliContext, found: Status): Promise<void> {
  const c = context.outColors;
  const mark = { ok: c.green('✓'), attention: c.yellow('!'), failing: c.red('✗') }[found.level];
  await line(context.out, `${mark} ${c.bold(visible(found.sentence))}`);
  // What it says is part of the sentence.
  if (found.error?.remedy) await line(context.out, `  ${c.dim(visible(found.error.remedy))}`);
  const sections: readonly (readonly [string, readonly Concern[], (text: string) => string])[] = [
    ['failing', found.failing, c.red],
    ['late', found.late, c.red],
    ['stale', found.stale, c.yellow],
    ['running', found.running, c.cyan],
    ['waiting', found.waiting, c.dim],
  ];
  for (const [title, concerns, color] of sections) {
    if (concerns.length === 0) continue;
    await line(context.out, `\n${color(title)}`);
    for (const concern of concerns.slice(0, SHOWN)) await printConcern(context, concern, found.atMs);
    if (concerns.length > SHOWN)
      await line(context.out, c.dim(`  … and ${concerns.length - SHOWN} more; --json gives all`));
  }
  if (found.next.length > 0) await line(context.out, `\n${c.dim('next')}`);
  for (const next of found.next.slice(0, SHOWN))
    await line(
      context.out,
      `  ${next.pipeline} ${c.dim(formatInterval(next))} ${distanceText(next.dueAtMs, found.atMs)} ${c.dim(`(${momentText(next.dueAtMs)})`)}`,
    );
}

async function printConcern(context: CliContext, concern: Concern, nowMs: number): Promise<void> {
  const c = context.outColors;
  const run = concern.run === null ? '' : ` run ${concern.run}`;
  const task = concern.task === null ? '' : ` ${concern.task}`;
  const since = concern.sinceMs === null ? '' : c.dim(` ${distanceText(concern.sinceMs, nowMs)}`);
  await line(context.out, `  ${concern.pipeline}${run}${c.bold(task)}${since}: ${visible(concern.why)}`);
  if (concern.remedy !== null && concern.remedy !== '')
    await line(context.out, `    ${c.dim(visible(concern.remedy))}`);
}

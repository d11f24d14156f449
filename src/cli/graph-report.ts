import { durationWords } from '../pipeline/duration.ts';
import type { Answer } from '../server/api.ts';
import { type CliContext, line } from './context.ts';
import { drawLayers, drawRails } from './graph-drawing.ts';
import { padEnd, textWidth, visible } from './text-width.ts';

type Graph = Answer<'getGraph'>;
type GraphTask = Graph['tasks'][number];

/** A pipeline's tasks as a drawing: its shape in one line, then each task on its rails with its group and what is special. */
export async function printGraph(context: CliContext, graph: Graph): Promise<void> {
  const c = context.outColors;
  const { out } = context;
  const title = [c.bold(graph.pipeline)];
  if (graph.schedule !== null) title.push(`${graph.schedule.text} ${c.dim(graph.schedule.timeZone)}`);
  if (graph.deadlineMs !== null) title.push(c.dim(`deadline ${durationWords(graph.deadlineMs)}`));
  const usual = usualRetries(graph.tasks);
  if (usual !== undefined) title.push(c.dim(usual));
  await line(out, title.join('  '));
  if (graph.doc !== '') await line(out, c.dim(visible(graph.doc)));
  await line(out);
  await line(out, visible(drawLayers(graph.tasks)));
  await line(out);
  const rails = drawRails(graph.tasks);
  const names = Math.max(0, ...graph.tasks.map((t) => textWidth(visible(t.name))));
  const groups = Math.max(0, ...graph.tasks.map((t) => textWidth(visible(t.group ?? ''))));
  for (const [i, task] of graph.tasks.entries()) {
    const rail = rails === undefined ? '' : `${c.cyan(rails[i]!)}  `;
    const group = groups === 0 ? '' : `  ${c.dim(padEnd(visible(task.group ?? ''), groups))}`;
    const after = rails === undefined && task.after.length > 0 ? [`after ${task.after.join(', ')}`] : [];
    const retries = retriesText(task);
    const special = [...after, ...(retries === (usual ?? NO_RETRIES) ? [] : [retries]), ...specialOf(task)].join(', ');
    await line(
      out,
      `${rail}${padEnd(visible(task.name), names)}${group}  ${c.dim(`${task.kind}${special === '' ? '' : `: ${special}`}`)}`.trimEnd(),
    );
  }
}

const NO_RETRIES = 'no retries';

function retriesText({ retries: { max, delayMs } }: GraphTask): string {
  return max === 0 ? NO_RETRIES : `${max} ${max === 1 ? 'retry' : 'retries'} after ${durationWords(delayMs)}`;
}

/** How most of the tasks are tried again; undefined: most are not. */
function usualRetries(tasks: readonly GraphTask[]): string | undefined {
  const counts = new Map<string, number>();
  for (const task of tasks) counts.set(retriesText(task), (counts.get(retriesText(task)) ?? 0) + 1);
  const [most] = [...counts].sort((a, b) => b[1] - a[1]);
  return most === undefined || most[0] === NO_RETRIES || most[1] * 2 <= tasks.length ? undefined : most[0];
}

/** What is not as it usually is. */
function specialOf(task: GraphTask): readonly string[] {
  const { sensor } = task;
  return [
    ...(task.trigger === 'all_succeeded' ? [] : [task.trigger.replaceAll('_', ' ')]),
    ...(task.timeoutMs === null ? [] : [`at most ${durationWords(task.timeoutMs)}`]),
    ...(sensor === null ? [] : [`looks every ${durationWords(sensor.everyMs)} for ${durationWords(sensor.timeoutMs)}`]),
    ...(task.pool === null ? [] : [`pool ${task.pool}${task.poolSlots === 1 ? '' : ` × ${task.poolSlots}`}`]),
    ...(task.queue === 'default' ? [] : [`queue ${task.queue}`]),
    ...(task.dependsOnPast ? ['after the interval before'] : []),
    ...(task.mapped ? ['as many as there are elements'] : []),
  ];
}

import { type CliContext, line } from './context.ts';
import type { Control } from './control.ts';

/** Says what to do when something was started that nobody is there to carry out. */
export async function sayWhetherCarriedOut(
  context: CliContext,
  { api, server }: Control,
  runs: readonly number[],
): Promise<void> {
  if (server !== undefined) return;
  const { items } = await api.call('listWorkers');
  if (items.some((worker) => worker.alive)) return;
  const resume = runs.length === 1 ? `, or \`sparkify resume ${runs[0]}\`` : '';
  await line(context.err, `Nobody carries it out at the moment: start \`sparkify up\`${resume}.`);
}

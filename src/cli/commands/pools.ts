import type { Answer } from '../../server/api.ts';
import { type CliContext, line } from '../context.ts';
import { type ControlFlags, withControl } from '../control.ts';
import { jsonText, writeJsonArray } from '../output.ts';
import { renderTable } from '../table.ts';
import { taskText } from '../task-name.ts';
import { truncate } from '../text-width.ts';

interface PoolFlags extends ControlFlags {
  readonly json?: boolean;
}

type Pool = Answer<'listPools'>['items'][number];

/** `sparkify pools list`: their slots, and who is in them. */
export async function listPools(context: CliContext, flags: PoolFlags): Promise<number> {
  return withControl(context, flags, async ({ api }) => {
    const { items } = await api.call('listPools');
    if (flags.json === true) await writeJsonArray(context.out, items);
    else await print(context, items);
    return 0;
  });
}

/** `sparkify pools set`: makes a pool or changes its slots; what the configuration says comes back at the next start. */
export async function setPool(context: CliContext, flags: PoolFlags, name: string, slots: number): Promise<number> {
  return withControl(context, { ...flags, keeps: true }, async ({ api }) => {
    const pool = await api.call('setPool', { params: { pool: name }, body: { slots } });
    if (flags.json === true) await line(context.out, jsonText(pool, 2));
    else await print(context, [pool]);
    return 0;
  });
}

async function print(context: CliContext, pools: readonly Pool[]): Promise<void> {
  const c = context.outColors;
  if (pools.length === 0) return line(context.out, c.dim('no pools; `pools` in sparkify.config.ts makes them'));
  const right = { align: 'right' } as const;
  const lines = renderTable(
    [
      { title: 'pool' },
      { title: 'slots', ...right },
      { title: 'used', ...right },
      { title: 'waiting', ...right },
      { title: 'in it' },
    ],
    pools.map((p) => [
      p.name,
      String(p.slots),
      String(p.used),
      String(p.waiting),
      truncate(p.running.map((r) => `run ${r.run} ${taskText(r.task, r.mapIndex)}`).join(', '), 60),
    ]),
    c,
  );
  await line(context.out, lines.join('\n'));
}

import { grouped } from '../../core/grouped.ts';
import type { PlanScope } from '../../orchestrator/cells/plan.ts';
import type { Api } from '../../server/api.ts';
import { type CliContext, line } from '../context.ts';
import { type ControlFlags, withControl } from '../control.ts';
import { printGraph } from '../graph-report.ts';
import { jsonText } from '../output.ts';
import { printPlan } from '../plan-report.ts';

export interface PlanFlags extends ControlFlags {
  readonly from?: string;
  readonly to?: string;
  readonly scope?: PlanScope;
  readonly tasks?: readonly string[];
  readonly newestFirst?: boolean;
  readonly every?: string;
  readonly coalesce?: number;
  readonly refresh?: boolean;
  readonly graph?: boolean;
  readonly json?: boolean;
}

/** `sparkify plan`: which cells are done and which are not, why, and what would be done; changes nothing. */
export async function plan(context: CliContext, flags: PlanFlags, pipeline: string): Promise<number> {
  return withControl(context, { ...flags, register: true, keeps: flags.refresh === true }, async ({ api }) => {
    if (flags.graph === true) {
      const graph = await api.call('getGraph', { params: { pipeline } });
      if (flags.json === true) await line(context.out, jsonText(graph, 2));
      else await printGraph(context, graph);
      return 0;
    }
    if (flags.refresh === true) await refresh(context, api, pipeline);
    const found = await api.call('getPlan', { params: { pipeline }, query: planQuery(flags) });
    if (flags.json === true) await line(context.out, jsonText(found, 2));
    else await printPlan(context, found);
    return 0;
  });
}

/** The same fields for a plan and for a backfill that freezes one. */
export function planQuery({ from, to, every, scope, tasks, newestFirst, coalesce }: PlanFlags) {
  return { from, to, every, scope, tasks: tasks?.join(','), newestFirst, coalesce };
}

/** Lists the sources; one that cannot be listed is told, and keeps nothing else from being planned. */
export async function refresh(context: CliContext, api: Api, pipeline: string): Promise<void> {
  const { items } = await api.call('refreshListings', { params: { pipeline } });
  const c = context.errColors;
  for (const { staging, objects, differing, error } of items)
    await line(
      context.err,
      error === null
        ? c.dim(
            `${staging}: ${grouped(objects ?? 0)} objects listed, ${grouped(differing ?? 0)} of them not as published`,
          )
        : `${c.yellow('!')} ${staging} cannot be listed: ${error.message} ${c.dim(error.remedy ?? '')}`,
    );
}

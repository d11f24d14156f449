import type { Plan, PlanScope } from '../../orchestrator/cells/plan.ts';
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
  readonly refresh?: boolean;
  readonly graph?: boolean;
  readonly json?: boolean;
}

/** `sparkify plan`: which cells are done and which are not, why, and what would be done; changes nothing. */
export async function plan(context: CliContext, flags: PlanFlags, pipeline: string): Promise<number> {
  return withControl(context, { ...flags, register: true }, async ({ api }) => {
    if (flags.graph === true) {
      const graph = await api.call('getGraph', { params: { pipeline } });
      if (flags.json === true) await line(context.out, jsonText(graph, 2));
      else await printGraph(context, graph);
      return 0;
    }
    if (flags.refresh === true) await api.call('refreshListings', { params: { pipeline } });
    const { from, to, scope, tasks, newestFirst } = flags;
    const found = (await api.call('getPlan', {
      params: { pipeline },
      query: { from, to, scope, tasks: tasks?.join(','), newestFirst },
    } as never)) as Plan;
    if (flags.json === true) await line(context.out, jsonText(found, 2));
    else await printPlan(context, found);
    return 0;
  });
}

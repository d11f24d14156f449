import { makePlan } from '../../orchestrator/cells/make-plan.ts';
import type { Plan, PlanRequest, PlanScope } from '../../orchestrator/cells/plan.ts';
import type { PlanRange } from '../../orchestrator/cells/plan-grid.ts';
import type { StoreReader } from '../../orchestrator/store/store.ts';
import { durationMs } from '../../pipeline/duration.ts';
import type { Answer, Call } from '../api.ts';
import { instantOf } from './instant.ts';

/** A plan as it is asked for, in texts. */
export interface AskedPlan {
  readonly pipeline: string;
  readonly from?: string | undefined;
  readonly to?: string | undefined;
  readonly every?: string | undefined;
  readonly scope?: PlanScope | undefined;
  readonly tasks?: readonly string[] | undefined;
  readonly newestFirst?: boolean | undefined;
  readonly coalesce?: number | undefined;
}

/** @throws as `makePlan`; DURATION_INVALID, REQUEST_INVALID */
export function planAsked(db: StoreReader, asked: AskedPlan, nowMs: number, place: 'query' | 'body'): Promise<Plan> {
  const { pipeline, from, to, every, scope, tasks, newestFirst, coalesce } = asked;
  const request: PlanRequest & PlanRange = {
    ...(from === undefined ? {} : { fromMs: instantOf(from, `${place}.from`) }),
    ...(to === undefined ? {} : { toMs: instantOf(to, `${place}.to`) }),
    ...(every === undefined ? {} : { everyMs: durationMs(every, `${place}.every`) }),
    ...(scope === undefined ? {} : { scope }),
    ...(tasks === undefined ? {} : { tasks }),
    ...(newestFirst === undefined ? {} : { newestFirst }),
    ...(coalesce === undefined ? {} : { coalesce }),
  };
  return makePlan(db, pipeline, request, nowMs);
}

export async function getPlan({ store, params, query, nowMs }: Call<'getPlan'>): Promise<Answer<'getPlan'>> {
  const tasks = query.tasks?.split(',');
  return planAnswer(await planAsked(store.db, { ...query, ...params, tasks }, nowMs, 'query'));
}

/** The plan as JSON has it: what is undefined is left out. */
export function planAnswer(plan: Plan): Answer<'getPlan'> {
  return plan as Answer<'getPlan'>;
}

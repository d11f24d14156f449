import type { PlanScope } from '../../orchestrator/cells/plan.ts';
import type { Answer, Api, CallInput } from '../../server/api.ts';
import { printBackfill, printBackfills } from '../backfill-report.ts';
import { backfillHere, waitForBackfill } from '../backfill-wait.ts';
import { type CliContext, line } from '../context.ts';
import { type Control, type ControlFlags, withControl } from '../control.ts';
import { jsonText, writeJsonArray } from '../output.ts';
import { givenParameters } from '../parameters.ts';
import { printPlan } from '../plan-report.ts';
import { openProject, parameterSources, pipelineOf } from '../project.ts';
import { refresh } from './plan.ts';

export interface BackfillFlags extends ControlFlags {
  readonly from?: string;
  readonly to?: string;
  readonly every?: string;
  readonly scope?: PlanScope;
  readonly tasks?: readonly string[];
  readonly newestFirst?: boolean;
  readonly coalesce?: number;
  readonly maxActive?: number;
  readonly set?: Readonly<Record<string, string>>;
  readonly refresh?: boolean;
  readonly dryRun?: boolean;
  readonly wait?: boolean;
  readonly json?: boolean;
}

interface ChangeFlags extends ControlFlags {
  readonly dryRun?: boolean;
  readonly wait?: boolean;
  readonly json?: boolean;
}

/** `sparkify backfill`: freezes a plan of cells and works it off, here or by the `up` that runs. */
export async function backfill(context: CliContext, flags: BackfillFlags, pipeline: string): Promise<number> {
  return withControl(context, { ...flags, register: true, keeps: flags.dryRun !== true }, async (control) => {
    const { api } = control;
    const params = await parametersOf(context, flags, pipeline);
    if (flags.refresh === true) await refresh(context, api, pipeline);
    const { from, to, every, scope, tasks, newestFirst, coalesce, maxActive, dryRun } = flags;
    const given = { from, to, every, scope, tasks, newestFirst, coalesce, maxActive, dryRun, params };
    const body = { pipeline, ...defined(given) } as CallInput<'createBackfill'>['body'];
    const made = await api.call('createBackfill', { body: body! });
    if (made.backfill === null) {
      if (flags.json === true) await line(context.out, jsonText(made, 2));
      else await printPlan(context, made.plan);
      return 0;
    }
    return carryOn(context, flags, control, made.backfill);
  });
}

/** What is not said is not sent. */
function defined<T extends object>(fields: T): Partial<T> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Partial<T>;
}

async function parametersOf(
  context: CliContext,
  flags: BackfillFlags,
  name: string,
): Promise<Readonly<Record<string, unknown>> | undefined> {
  if (flags.set === undefined) return undefined;
  const project = await openProject(context, flags);
  const declared = pipelineOf(project, name);
  return givenParameters(declared, parameterSources(context, project, declared, flags.set));
}

/** Waits for a backfill: by default where this process has to carry it out, since nobody else would. */
async function carryOn(
  context: CliContext,
  flags: ChangeFlags,
  control: Control,
  found: Answer<'listBackfills'>['items'][number],
): Promise<number> {
  const { api, server } = control;
  const elsewhere = server !== undefined || (await someUp(api));
  const wait = flags.wait ?? !elsewhere;
  if (wait)
    return elsewhere
      ? waitForBackfill(context, api, found.id, flags.json === true)
      : backfillHere(context, flags, found.id, flags.json === true);
  if (flags.json === true) await line(context.out, jsonText(found, 2));
  else await printBackfills(context, [found], control.nowMs());
  if (!elsewhere)
    await line(
      context.err,
      'Nobody carries it out at the moment: start `sparkify up`, or `sparkify backfill resume` it.',
    );
  return 0;
}

async function someUp(api: Api): Promise<boolean> {
  const { items } = await api.call('listWorkers');
  return items.some((worker) => worker.alive && worker.kind === 'up');
}

/** `sparkify backfill list`: newest first. */
export async function listBackfills(
  context: CliContext,
  flags: ControlFlags & { readonly pipeline?: string; readonly limit?: number; readonly json?: boolean },
): Promise<number> {
  return withControl(context, flags, async ({ api, nowMs }) => {
    const { items } = await api.call('listBackfills', {
      query: { pipeline: flags.pipeline, limit: flags.limit ?? 50 },
    });
    if (flags.json === true) await writeJsonArray(context.out, items);
    else await printBackfills(context, items, nowMs());
    return 0;
  });
}

/** `sparkify backfill show`: one backfill, its cells as a picture, and what failed. */
export async function showBackfill(
  context: CliContext,
  flags: ControlFlags & { readonly json?: boolean },
  id: number,
): Promise<number> {
  return withControl(context, flags, async ({ api }) => {
    const found = await api.call('getBackfill', { params: { backfill: id } });
    if (flags.json === true) await line(context.out, jsonText(found, 2));
    else await printBackfill(context, found);
    return 0;
  });
}

/** `sparkify backfill pause`: starts no cell of it any more; those under way go on. */
export function pauseBackfill(context: CliContext, flags: ChangeFlags, id: number): Promise<number> {
  return change(context, flags, 'pauseBackfill', id);
}

/** `sparkify backfill cancel`: ends it; cells under way are cancelled. */
export function cancelBackfill(context: CliContext, flags: ChangeFlags, id: number): Promise<number> {
  return change(context, flags, 'cancelBackfill', id);
}

/** `sparkify backfill resume`: goes on with it, with its failed and cancelled cells too. */
export async function resumeBackfill(context: CliContext, flags: ChangeFlags, id: number): Promise<number> {
  return withControl(context, flags, async (control) => {
    const body = flags.dryRun === true ? { dryRun: true } : {};
    const found = await control.api.call('getBackfill', { params: { backfill: id } });
    // One whose process died runs, as far as the store knows: carrying it on is all that is to be done.
    if (found.state === 'running' && flags.dryRun !== true) return carryOn(context, flags, control, found);
    const answer = await control.api.call('resumeBackfill', { params: { backfill: id }, body });
    if (flags.dryRun === true) return tellChange(context, flags, answer);
    return carryOn(context, flags, control, answer.backfill);
  });
}

async function change(
  context: CliContext,
  flags: ChangeFlags,
  operation: 'pauseBackfill' | 'cancelBackfill',
  id: number,
): Promise<number> {
  return withControl(context, flags, async ({ api }) => {
    const body = flags.dryRun === true ? { dryRun: true } : {};
    return tellChange(context, flags, await api.call(operation, { params: { backfill: id }, body }));
  });
}

async function tellChange(context: CliContext, flags: ChangeFlags, answer: Answer<'pauseBackfill'>): Promise<number> {
  if (flags.json === true) await line(context.out, jsonText(answer, 2));
  else {
    const { backfill: found, changed, dryRun } = answer;
    const would = dryRun ? context.outColors.dim(' (dry run: nothing was changed)') : '';
    const is = changed ? 'is now' : 'is';
    await line(
      context.out,
      `Backfill ${found.id} of ${found.pipeline} (${found.interval}) ${is} ${found.state}${would}`,
    );
  }
  return 0;
}

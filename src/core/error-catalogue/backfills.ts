import { entry } from './entry.ts';

/** Plans and backfills. */
export const backfillErrors = {
  PLAN_INTERVAL_NEEDED: entry<{ pipeline: string }>(
    2,
    (p) => `Pipeline ${p.pipeline} has no schedule that would say which intervals there are.`,
    () => 'Say which: --from and --to make one interval, and --every "1 day" cuts it into many.',
  ),
  PLAN_TOO_LARGE: entry<{ pipeline: string; limit: number }>(
    2,
    (p) => `A plan of pipeline ${p.pipeline} over all of this would have more than ${p.limit} intervals.`,
    () => 'Narrow it with --from and --to.',
  ),
  PLAN_ORDER_INVALID: entry<{ pipeline: string; task: string }>(
    2,
    (p) =>
      `Newest first is no order for pipeline ${p.pipeline}: task ${p.task} wants the interval before its own to be done.`,
    () => 'Leave --newest-first out.',
  ),
  REBUILD_FIRST: entry<{ pipeline: string }>(
    1,
    (p) =>
      `The definition of pipeline ${p.pipeline} changed since its last publish, so none of its runs would publish.`,
    (p) => `Take the change back, or rebuild the star under it first: sparkify run ${p.pipeline} --rebuild`,
  ),
  BACKFILL_UNKNOWN: entry<{ backfill: number }>(
    2,
    (p) => `There is no backfill ${p.backfill}.`,
    () => '`sparkify backfill list` shows them.',
    { httpStatus: 404 },
  ),
  BACKFILL_OVERLAPS: entry<{ pipeline: string; interval: string; other: number }>(
    1,
    (p) => `${p.interval} of pipeline ${p.pipeline} has just been planned by backfill ${p.other}.`,
    (p) => `See \`sparkify backfill show ${p.other}\`; plan again for what it leaves, or cancel it.`,
  ),
  BACKFILL_STATE: entry<{ backfill: number; state: string; action: string }>(
    1,
    (p) => `Backfill ${p.backfill} cannot be ${p.action}: it is ${p.state}.`,
    (p) => `See \`sparkify backfill show ${p.backfill}\`.`,
  ),
  BACKFILL_FAILED: entry<{ backfill: number; failed: number; cells: number; first: string; detail: string }>(
    1,
    (p) => `${p.failed} of ${p.cells} cells failed, first ${p.first}: ${p.detail}`,
    (p) => `Put right what is wrong, then: sparkify backfill resume ${p.backfill}`,
  ),
  BACKFILL_OUTDATED: entry<{ pipeline: string; backfill: number }>(
    1,
    (p) => `What pipeline ${p.pipeline} computes has changed since backfill ${p.backfill} was planned.`,
    (p) => `Take the change back and resume it, or plan anew under today's definition: sparkify plan ${p.pipeline}`,
  ),
} as const;

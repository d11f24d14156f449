import type { TriggerRule } from './graph.ts';

/** How the tasks before a task ended; `failed` counts those that failed and those whose own upstream did. */
export interface UpstreamEnds {
  readonly failed: number;
  readonly skipped: number;
}

export const triggerRules = [
  'all_succeeded',
  'all_done',
  'any_failed',
  'none_failed',
] as const satisfies readonly TriggerRule[];

/**
 * What becomes of a task once all before it have ended. all_succeeded: a failure before it fails it too, a skip skips it.
 * none_failed: skips do not matter. all_done: always runs. any_failed: runs after a failure, else is skipped.
 */
export function judgeTrigger(rule: TriggerRule, ends: UpstreamEnds): 'run' | 'skipped' | 'upstream_failed' {
  switch (rule) {
    case 'all_done':
      return 'run';
    case 'any_failed':
      return ends.failed > 0 ? 'run' : 'skipped';
    case 'none_failed':
      return ends.failed > 0 ? 'upstream_failed' : 'run';
    case 'all_succeeded':
      if (ends.failed > 0) return 'upstream_failed';
      return ends.skipped > 0 ? 'skipped' : 'run';
  }
}

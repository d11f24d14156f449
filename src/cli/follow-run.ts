import { setTimeout as pause } from 'node:timers/promises';
import type { ProgressListener } from '../core/progress.ts';
import type { StoredEvent } from '../orchestrator/events/stored-event.ts';
import { runEnded } from '../orchestrator/model/states.ts';
import type { Answer, Api } from '../server/api.ts';
import { eventTeller } from './event-progress.ts';

type Run = Answer<'getRun'>;

export interface FollowRun {
  readonly run: number;
  /** Only what happened after this event: a run that was taken up again has ended before. */
  readonly afterSeq: number;
  readonly tell: ProgressListener;
  /** Nothing is followed any more; the run goes on. */
  readonly signal: AbortSignal;
}

/** Tells a run's progress until it has ended; the run as it then is, or as it was when it was no longer followed. */
export async function followRun(api: Api, { run, afterSeq, tell, signal }: FollowRun): Promise<Run> {
  const ending = new AbortController();
  const both = AbortSignal.any([signal, ending.signal]);
  const tellEvent = eventTeller(tell);
  // What ended before anybody listened is told all the same; then nothing more will come.
  void tellWaiting(api, run, tell, both);
  const events = api.stream('followEvents', { query: { run, after: afterSeq } }, { signal: both });
  for await (const found of events) {
    const event = found as StoredEvent;
    tellEvent(event);
    if (event.type === 'run.succeeded' || event.type === 'run.failed' || event.type === 'run.cancelled') break;
  }
  ending.abort();
  return api.call('getRun', { params: { run } });
}

/** The last event of a run so far. */
export async function lastEventOf(api: Api, run: number): Promise<number> {
  const { items } = await api.call('listEvents', { query: { run, latest: true, limit: 1 } });
  return items.at(-1)?.seq ?? 0;
}

export function hasEnded(run: Pick<Run, 'state'>): boolean {
  return runEnded(run.state);
}

const FIRST_LOOK_MS = 500;
const LOOK_MS = 2000;

/** Says why nothing of a run is under way, as long as that is so and whenever it is for another reason. */
async function tellWaiting(api: Api, run: number, tell: ProgressListener, signal: AbortSignal): Promise<void> {
  let said: string | undefined;
  for (let afterMs = FIRST_LOOK_MS; ; afterMs = LOOK_MS) {
    try {
      await pause(afterMs, undefined, { signal });
      const { items } = await api.call('listTasks', {
        params: { run },
        query: { state: ['ready', 'running', 'expanded'] },
      });
      const why = items.some((t) => t.state !== 'ready') ? undefined : items.find((t) => t.why !== null)?.why;
      if (why != null && why !== said) tell({ type: 'note', detail: `waiting: ${why}` });
      said = why ?? said;
    } catch {
      // It has ended, or nobody listens any more; what else is wrong the followed events say.
      return;
    }
  }
}

import type { ProgressEvent, ProgressListener } from '../core/progress.ts';
import type { StoredEvent } from '../orchestrator/events/stored-event.ts';
import { formatInstant } from '../pipeline/interval.ts';
import { taskText } from './task-name.ts';

/** Tells events of one run as progress; of the elements of a mapped task it counts the successes. */
export function eventTeller(tell: ProgressListener): (event: StoredEvent) => void {
  const elements = new Map<string, { done: number; readonly total: number }>();
  return (event) => {
    if (event.type === 'task.expanded') {
      elements.set(event.task, { done: 0, total: event.count });
      tell({ type: 'task.progress', task: event.task, detail: '', done: 0, total: event.count, unit: 'elements' });
      return;
    }
    const counted = 'mapIndex' in event && event.mapIndex >= 0 ? elements.get(event.task) : undefined;
    if (counted !== undefined && 'task' in event && event.type === 'task.succeeded') {
      counted.done++;
      tell({ type: 'task.progress', task: event.task, detail: '', ...counted, unit: 'elements' });
      return;
    }
    if (counted !== undefined && event.type === 'task.started') return;
    const progress = progressOf(event);
    if (progress !== undefined) tell(progress);
  };
}

function progressOf(event: StoredEvent): ProgressEvent | undefined {
  switch (event.type) {
    case 'task.started':
      return { type: 'task.started', task: nameOf(event) };
    case 'task.succeeded':
      return { type: 'task.succeeded', task: nameOf(event), durationMs: event.durationMs, detail: event.detail };
    case 'task.failed':
      return { type: 'task.failed', task: nameOf(event), durationMs: event.durationMs, detail: event.error.message };
    case 'task.retrying': {
      const again = `${nameOf(event)} failed and is tried again at ${formatInstant(event.atMs)}`;
      return { type: 'warning', detail: `${again}: ${event.error.message}` };
    }
    case 'task.crashed':
      return { type: 'warning', detail: `${nameOf(event)} was lost with its worker ${event.worker}` };
    case 'task.skipped':
    case 'task.cancelled':
      return { type: 'task.skipped', task: nameOf(event), detail: event.reason };
    case 'task.upstream_failed':
      return { type: 'note', detail: `${nameOf(event)} is not begun: ${event.reason}` };
    case 'task.marked':
      return { type: 'note', detail: `${nameOf(event)} was marked ${event.state} by ${event.by}` };
    case 'run.late':
      return { type: 'warning', detail: `it is late: it was to have ended by ${formatInstant(event.deadlineMs)}` };
    default:
      return undefined;
  }
}

function nameOf(event: { readonly task: string; readonly mapIndex: number }): string {
  return taskText(event.task, event.mapIndex);
}

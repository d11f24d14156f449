import { durationText } from '../../core/duration-text.ts';
import { formatInstant, formatInterval } from '../../pipeline/interval.ts';
import type { StoreEvent } from './event.ts';
import type { StoredEvent } from './stored-event.ts';

/** What happened, as one sentence for people, without its time. */
export function describeEvent(event: StoreEvent | StoredEvent): string {
  switch (event.type) {
    case 'run.created':
      return `${run(event)}: asked for (${event.kind}, ${formatInterval(event)}).`;
    case 'run.started':
      return `${run(event)}: started.`;
    case 'run.succeeded':
      return `${run(event)}: succeeded after ${durationText(event.durationMs)}${outcome(event.outcome)}.`;
    case 'run.failed':
      return `${run(event)}: failed after ${durationText(event.durationMs)}${because(event.error)}`;
    case 'run.cancelling':
      return `${run(event)}: is being cancelled by ${event.by}.`;
    case 'run.cancelled':
      return `${run(event)}: cancelled by ${event.by}.`;
    case 'run.resumed':
      return `${run(event)}: carried on by ${event.by}${event.fromTask === undefined ? '' : `, from ${event.fromTask}`}.`;
    case 'run.late':
      return `${run(event)}: late; it was to have ended by ${formatInstant(event.deadlineMs)}.`;
    case 'task.started':
      return `${task(event)}: attempt ${event.attempt} started on ${event.worker}.`;
    case 'task.succeeded':
      return `${task(event)}: succeeded after ${durationText(event.durationMs)}${event.detail === '' ? '' : `: ${event.detail}`}`;
    case 'task.failed':
      return `${task(event)}: attempt ${event.attempt} failed after ${durationText(event.durationMs)}${because(event.error)}`;
    case 'task.retrying':
      return `${task(event)}: attempt ${event.attempt} failed, tried again at ${formatInstant(event.atMs)}${because(event.error)}`;
    case 'task.crashed':
      return `${task(event)}: attempt ${event.attempt} was lost with its worker ${event.worker} (${times(event.crashes)} so far).`;
    case 'task.skipped':
      return `${task(event)}: skipped: ${event.reason}`;
    case 'task.upstream_failed':
      return `${task(event)}: not started: ${event.reason}`;
    case 'task.cancelled':
      return `${task(event)}: cancelled: ${event.reason}`;
    case 'task.expanded':
      return `${task(event)}: has ${event.count} ${event.count === 1 ? 'element' : 'elements'}.`;
    case 'task.marked':
      return `${task(event)}: marked ${event.state} by ${event.by}.`;
    case 'backfill.created':
      return `Backfill ${event.backfillId} of ${event.pipeline}: asked for, ${cells(event.cells)}${by(event.by)}.`;
    case 'backfill.started':
      return `Backfill ${event.backfillId} of ${event.pipeline}: started, ${cells(event.cells)}.`;
    case 'backfill.paused':
      return `Backfill ${event.backfillId} of ${event.pipeline}: paused${by(event.by)}.`;
    case 'backfill.resumed':
      return `Backfill ${event.backfillId} of ${event.pipeline}: goes on${by(event.by)}.`;
    case 'backfill.cancelling':
      return `Backfill ${event.backfillId} of ${event.pipeline}: is being cancelled${by(event.by)}.`;
    case 'backfill.ended':
      return `Backfill ${event.backfillId} of ${event.pipeline}: ${event.state}, ${cells(event.cells)}.`;
    case 'pipeline.changed':
      return `Pipeline ${event.pipeline}: has a new version, ${event.version.slice(0, 12)}.`;
    case 'pipeline.broken':
      return `Pipeline ${event.pipeline}: is broken${because(event.error)}`;
    case 'pipeline.back':
      return `Pipeline ${event.pipeline}: ${event.was === 'gone' ? 'the project has it again' : 'is no longer broken'}.`;
    case 'pipeline.gone':
      return `Pipeline ${event.pipeline}: the project has it no more.`;
    case 'pipeline.paused':
      return `Pipeline ${event.pipeline}: paused${by(event.by)}.`;
    case 'pipeline.unpaused':
      return `Pipeline ${event.pipeline}: goes on${by(event.by)}.`;
    case 'pipeline.recovered':
      return `Pipeline ${event.pipeline}: works again, with run ${event.runId}.`;
    case 'worker.started':
      return `Worker ${event.worker}: started on ${event.host}, process ${event.pid}.`;
    case 'worker.stopped':
      return `Worker ${event.worker}: stopped.`;
    case 'worker.lost':
      return `Worker ${event.worker}: not heard of any more (${event.host}, process ${event.pid}).`;
    case 'alert.failed':
      return `Run ${event.runId} of ${event.pipeline}: nobody took the alert at ${event.target}: ${event.reason}`;
    case 'clock.jumped':
      return `The clock jumped ${event.byMs < 0 ? 'back' : 'ahead'} by ${durationText(Math.abs(event.byMs))}.`;
  }
}

function run(event: { readonly runId: number; readonly pipeline: string }): string {
  return `Run ${event.runId} of ${event.pipeline}`;
}

function task(event: { readonly runId: number; readonly task: string; readonly mapIndex: number }): string {
  return `Run ${event.runId}, ${event.task}${event.mapIndex < 0 ? '' : `[${event.mapIndex}]`}`;
}

function outcome(text: string | undefined): string {
  switch (text) {
    case undefined:
      return '';
    case 'published':
      return ' and published';
    case 'nothing-new':
      return '; there was nothing new';
    default:
      return ` (${text})`;
  }
}

function because(error: { readonly code: string; readonly message: string } | undefined): string {
  return error === undefined ? '.' : `: ${error.message} [${error.code}]`;
}

function by(who: string | undefined): string {
  return who === undefined ? '' : ` by ${who}`;
}

function cells(count: number): string {
  return `${count} ${count === 1 ? 'cell' : 'cells'}`;
}

function times(count: number): string {
  return count === 1 ? 'once' : `${count} times`;
}

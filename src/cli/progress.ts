import { durationText } from '../core/duration-text.ts';
import { grouped } from '../core/grouped.ts';
import type { ProgressEvent, ProgressListener } from '../core/progress.ts';
import type { CliContext } from './context.ts';
import { textWidth, truncate, visible } from './text-width.ts';

const FRAMES = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];
const TICK_MS = 100;
/** Off a terminal, a running task says at most this often how far it is. */
const QUIET_MS = 2000;

export interface ProgressView {
  readonly listener: ProgressListener;
  /** Takes the live line away. Nothing is drawn afterwards. */
  stop(): void;
}

/** Renders progress to stderr: with a terminal a live line under the finished tasks, else one line per event. */
export function progressView(context: CliContext): ProgressView {
  return context.live ? liveView(context) : lineView(context);
}

function lineView(context: CliContext): ProgressView {
  const saidAt = new Map<string, number>();
  return {
    listener: (event) => {
      if (event.type === 'task.progress') {
        const now = performance.now();
        if (now - (saidAt.get(event.task) ?? -Infinity) < QUIET_MS) return;
        saidAt.set(event.task, now);
      }
      void context.err.write(`${visible(plainLine(event))}\n`);
    },
    stop: () => {},
  };
}

/** One event as one line without colour. */
export function plainLine(event: ProgressEvent): string {
  switch (event.type) {
    case 'task.started':
      return `${event.task}: started`;
    case 'task.progress':
      return `${event.task}: ${progressText(event)}`;
    case 'task.succeeded':
      return `${event.task}: ${event.resumed === true ? 'kept from the run before' : `done in ${durationText(event.durationMs)}`}${event.detail === '' ? '' : `: ${event.detail}`}`;
    case 'task.failed':
      return `${event.task}: failed after ${durationText(event.durationMs)}: ${event.detail}`;
    case 'task.skipped':
      return `${event.task}: skipped: ${event.detail}`;
    case 'note':
      return event.detail;
    case 'warning':
      return `warning: ${event.detail}`;
  }
}

function progressText(event: Extract<ProgressEvent, { type: 'task.progress' }>): string {
  if (event.done === undefined) return event.detail;
  const total = event.total === undefined ? '' : ` of ${grouped(event.total)}`;
  const unit = event.unit === undefined ? '' : ` ${event.unit}`;
  return `${event.detail === '' ? '' : `${event.detail} `}${grouped(event.done)}${total}${unit}`;
}

function liveView(context: CliContext): ProgressView {
  const c = context.errColors;
  const running = new Map<string, { since: number; detail: string }>();
  let drawn = false;
  let frame = 0;
  const clear = (): string => {
    const text = drawn ? '\r\x1b[2K' : '';
    drawn = false;
    return text;
  };
  const draw = (): void => {
    const current = [...running].at(-1);
    if (current === undefined) return;
    const [task, state] = current;
    const others = running.size > 1 ? c.dim(` (+${running.size - 1} more)`) : '';
    const seconds = durationText(performance.now() - state.since);
    const room = context.columns - textWidth(`x ${task}   ${seconds}`) - (running.size > 1 ? 12 : 0) - 1;
    const detail = room > 4 ? truncate(visible(state.detail), room) : '';
    const text = `${c.cyan(FRAMES[frame % FRAMES.length]!)} ${task} ${c.dim(`${detail} ${seconds}`.trim())}${others}`;
    void context.err.write(`${clear()}${text}`);
    drawn = true;
  };
  const timer = setInterval(() => {
    frame++;
    draw();
  }, TICK_MS);
  timer.unref();
  const say = (text: string): void => {
    void context.err.write(`${clear()}${text}\n`);
    draw();
  };
  return {
    listener: (event) => {
      switch (event.type) {
        case 'task.started':
          running.set(event.task, { since: performance.now(), detail: '' });
          return draw();
        case 'task.progress': {
          const state = running.get(event.task);
          if (state === undefined) running.set(event.task, { since: performance.now(), detail: progressText(event) });
          else state.detail = progressText(event);
          return;
        }
        case 'task.succeeded': {
          running.delete(event.task);
          const spent = event.resumed === true ? 'kept from the run before' : durationText(event.durationMs);
          return say(`${c.green('✓')} ${event.task}  ${visible(event.detail)}  ${c.dim(spent)}`);
        }
        case 'task.failed':
          running.delete(event.task);
          return say(`${c.red('✗')} ${event.task}  ${visible(event.detail)}  ${c.dim(durationText(event.durationMs))}`);
        case 'task.skipped':
          running.delete(event.task);
          return say(`${c.dim('○')} ${event.task}  ${c.dim(`skipped: ${visible(event.detail)}`)}`);
        case 'note':
          return say(`${c.dim('·')} ${visible(event.detail)}`);
        case 'warning':
          return say(`${c.yellow('!')} ${visible(event.detail)}`);
      }
    },
    stop: () => {
      clearInterval(timer);
      running.clear();
      const text = clear();
      if (text !== '') void context.err.write(text);
    },
  };
}

/** Runs one step of a command as a task of its own. */
export async function step<T>(
  listener: ProgressListener,
  task: string,
  work: (tell: (detail: string, done?: number, total?: number, unit?: string) => void) => Promise<T>,
  summary: (result: T) => string = () => '',
): Promise<T> {
  const start = performance.now();
  listener({ type: 'task.started', task });
  try {
    const result = await work((detail, done, total, unit) =>
      listener({
        type: 'task.progress',
        task,
        detail,
        ...(done === undefined ? {} : { done }),
        ...(total === undefined ? {} : { total }),
        ...(unit === undefined ? {} : { unit }),
      }),
    );
    listener({ type: 'task.succeeded', task, durationMs: performance.now() - start, detail: summary(result) });
    return result;
  } catch (error) {
    listener({ type: 'task.failed', task, durationMs: performance.now() - start, detail: 'see below' });
    throw error;
  }
}

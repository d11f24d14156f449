import type { ProgressListener } from '../core/progress.ts';
import type { AttemptLogs } from '../orchestrator/logs/attempt-logs.ts';
import { taskText } from './task-name.ts';

/** Logs of which a person at the terminal is told as well. Begin and end of tasks are events, and told elsewhere. */
export interface ToldLogs extends AttemptLogs {
  /** What the latest attempt of a task failed with, by the task's name. */
  readonly failures: ReadonlyMap<string, unknown>;
}

export function toldLogs(logs: AttemptLogs, tell: ProgressListener): ToldLogs {
  const failures = new Map<string, unknown>();
  return {
    failures,
    flush: () => logs.flush(),
    close: () => logs.close(),
    open: (key) => {
      const log = logs.open(key);
      const task = taskText(key.task, key.mapIndex);
      failures.delete(task);
      return {
        debug: (msg, data) => log.debug(msg, data),
        info: (msg, data) => {
          log.info(msg, data);
          tell({ type: 'task.progress', task, detail: msg });
        },
        warn: (msg, data) => {
          log.warn(msg, data);
          tell({ type: 'warning', detail: `${task}: ${msg}` });
        },
        error: (msg, data) => {
          log.error(msg, data);
          if (data?.error === undefined) tell({ type: 'warning', detail: `${task}: ${msg}` });
          else failures.set(task, data.error);
        },
        progress: (event) => {
          log.progress(event);
          if (event.type === 'task.progress') tell({ ...event, task });
          else if (event.type === 'note' || event.type === 'warning') tell(event);
        },
        flush: () => log.flush(),
        close: () => log.close(),
      };
    },
  };
}

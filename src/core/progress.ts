/** What a run tells while it goes. The CLI renders these to stderr; tests and later the event stream read the same union. */
export type ProgressEvent =
  | { readonly type: 'task.started'; readonly task: string }
  | {
      readonly type: 'task.progress';
      readonly task: string;
      readonly detail: string;
      readonly done?: number;
      readonly total?: number;
      readonly unit?: string;
    }
  | {
      readonly type: 'task.succeeded';
      readonly task: string;
      readonly durationMs: number;
      readonly detail: string;
      readonly resumed?: boolean;
    }
  | { readonly type: 'task.failed'; readonly task: string; readonly durationMs: number; readonly detail: string }
  /** By its trigger, a branch, or itself. */
  | { readonly type: 'task.skipped'; readonly task: string; readonly detail: string }
  | { readonly type: 'note'; readonly detail: string }
  | { readonly type: 'warning'; readonly detail: string };

export type ProgressListener = (event: ProgressEvent) => void;

export const silentProgress: ProgressListener = () => {};

import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import type { LogLevel, ThreadContext } from '../pipeline/function-context.ts';
import type { JsonValue } from '../pipeline/json-value.ts';

/** What the thread is given; everything in it is copied. */
export interface ThreadStart {
  readonly module: string;
  readonly export: string;
  readonly input: JsonValue | undefined;
  readonly context: Omit<ThreadContext, 'log'>;
}

export type ThreadMessage =
  | { readonly kind: 'log'; readonly message: string; readonly level: LogLevel }
  | { readonly kind: 'value'; readonly value: unknown }
  /** The module cannot be loaded, or has no such function. */
  | { readonly kind: 'invalid'; readonly detail: string }
  | { readonly kind: 'failed'; readonly message: string; readonly stack: string | undefined };

const port = parentPort;
if (port !== null) void answer(port, workerData as ThreadStart);

async function answer(to: MessagePort, { module, export: name, input, context }: ThreadStart): Promise<void> {
  const tell = (message: ThreadMessage): void => to.postMessage(message);
  const run = await load(module, name).catch((error: unknown) => {
    tell({ kind: 'invalid', detail: error instanceof Error ? error.message : String(error) });
  });
  if (run === undefined) return;
  try {
    const log: ThreadContext['log'] = (message, level = 'info') => tell({ kind: 'log', message, level });
    tell({ kind: 'value', value: await run(input, { ...context, log }) });
  } catch (error) {
    tell({
      kind: 'failed',
      message: error instanceof Error ? error.message : String(error),
      stack: error instanceof Error ? error.stack : undefined,
    });
  }
}

async function load(module: string, name: string): Promise<(input: unknown, context: ThreadContext) => unknown> {
  const loaded = (await import(module)) as Readonly<Record<string, unknown>>;
  // A module of a project that is no `"type": "module"` comes as the default of one.
  const inner = loaded.default;
  const exports = { ...(typeof inner === 'object' && inner !== null ? inner : {}), ...loaded };
  const found = (exports as Readonly<Record<string, unknown>>)[name];
  if (typeof found === 'function') return found as (input: unknown, context: ThreadContext) => unknown;
  const names = Object.keys(exports).filter((key) => key !== 'default');
  throw new Error(`${module} exports no function "${name}" (it exports: ${names.join(', ') || 'nothing'})`);
}

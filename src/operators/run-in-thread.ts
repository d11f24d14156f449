import { createRequire } from 'node:module';
import { Worker } from 'node:worker_threads';
import { SparkifyError } from '../core/errors.ts';
import type { FunctionContext } from '../pipeline/function-context.ts';
import type { JsonValue } from '../pipeline/json-value.ts';
import type { ThreadMessage, ThreadStart } from './thread-entry.ts';

/**
 * Calls an exported function of a module in a thread of its own and gives what it returns; a signal ends the thread at
 * once, whatever it computes.
 * @throws THREAD_INVALID when there is no such function; what the function throws
 */
export async function runInThread(
  operator: { readonly module: string; readonly export: string },
  input: JsonValue | undefined,
  context: FunctionContext,
): Promise<unknown> {
  const { pipeline, task, interval, params, attempt, runId, idempotencyKey, signal } = context;
  const start: ThreadStart = {
    ...operator,
    input,
    context: { pipeline, task, interval, params, attempt, runId, idempotencyKey },
  };
  signal.throwIfAborted();
  const worker = startThread(operator.module, start);
  const stop = (): void => void worker.terminate();
  signal.addEventListener('abort', stop, { once: true });
  try {
    return await new Promise((resolve, reject) => {
      worker.on('message', (message: ThreadMessage) => {
        switch (message.kind) {
          case 'log':
            return context.log(message.message, message.level);
          case 'value':
            return resolve(message.value);
          case 'invalid':
            return reject(new SparkifyError('THREAD_INVALID', { task, detail: message.detail }));
          case 'failed':
            return reject(remoteError(message));
        }
      });
      worker.on('error', reject);
      worker.on('exit', (code) => {
        if (signal.aborted) reject(signal.reason);
        else reject(new Error(`its thread ended by itself with code ${code}`));
      });
    });
  } finally {
    signal.removeEventListener('abort', stop);
    await worker.terminate();
  }
}

/** Compiled, a thread loads JavaScript by itself; sources, and modules in TypeScript, need a loader for it. */
function startThread(module: string, start: ThreadStart): Worker {
  const compiled = import.meta.url.endsWith('.js');
  const url = new URL(compiled ? './thread-entry.js' : './thread-entry.ts', import.meta.url);
  const plain = compiled && !/\.[cm]?tsx?$/u.test(new URL(module).pathname);
  return new Worker(url, { workerData: start, ...(plain ? {} : { execArgv: ['--import', typescriptLoader()] }) });
}

/** As a URL: a project need not have it installed. */
function typescriptLoader(): string {
  const main = createRequire(import.meta.url).resolve('jiti/package.json');
  return new URL('./lib/jiti-register.mjs', `file://${main}`).href;
}

function remoteError(message: Extract<ThreadMessage, { kind: 'failed' }>): Error {
  const error = new Error(message.message);
  if (message.stack !== undefined) error.stack = message.stack;
  return error;
}

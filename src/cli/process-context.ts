import pc from 'picocolors';
import { armedFailpoint, noFailpoints } from '../core/failpoints.ts';
import type { CliContext, TextSink } from './context.ts';
import { INTERRUPTED } from './error-report.ts';

function sinkOf(stream: NodeJS.WriteStream): TextSink {
  return {
    write: (text) =>
      new Promise((resolve, reject) => {
        // Waits for the callback only when the stream is full: small writes then cost no turn of the loop each.
        if (stream.write(text)) resolve();
        else {
          stream.once('drain', resolve);
          stream.once('error', reject);
        }
      }),
  };
}

function wantsColor(stream: NodeJS.WriteStream, env: NodeJS.ProcessEnv): boolean {
  if (env.NO_COLOR !== undefined && env.NO_COLOR !== '') return false;
  if (env.FORCE_COLOR !== undefined && env.FORCE_COLOR !== '0') return true;
  return stream.isTTY === true && env.TERM !== 'dumb';
}

/** Interrupts that a command may handle itself before the process ends over them. */
const MOST_INTERRUPTS = 3;

/**
 * The context of the real process. Unless the command handles it, the first Ctrl-C aborts the signal, the second ends the
 * process at once; a reader that closes the pipe (`| head`) ends it quietly.
 */
export function processContext(): CliContext {
  const { stdin, stdout, stderr, env } = process;
  // The SDK warns about the Node it will need one day; that is ours to heed, not the user's.
  env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true';
  const controller = new AbortController();
  let handler: ((times: number) => void) | undefined;
  let times = 0;
  const stop = (code: number) => (): void => {
    if (controller.signal.aborted || times === MOST_INTERRUPTS) process.exit(code);
    if (handler === undefined) controller.abort(new Error('interrupted'));
    else handler(++times);
  };
  process.on('SIGINT', stop(INTERRUPTED));
  process.on('SIGTERM', stop(143));
  for (const stream of [stdout, stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EPIPE') process.exit(0);
      // Half a result must not pass for a whole one.
      if (stream === stdout) stderr.write(`error: the output cannot be written: ${error.message}\n`);
      process.exit(1);
    });
  }
  const failpoint = env.SPARKIFY_FAILPOINT;
  return {
    out: sinkOf(stdout),
    err: sinkOf(stderr),
    outColors: pc.createColors(wantsColor(stdout, env)),
    errColors: pc.createColors(wantsColor(stderr, env)),
    live: stderr.isTTY === true && env.TERM !== 'dumb' && env.CI === undefined,
    interactive: stdin.isTTY === true && stderr.isTTY === true,
    columns: stdout.columns ?? stderr.columns ?? 100,
    env,
    cwd: process.cwd(),
    signal: controller.signal,
    failpoints:
      failpoint === undefined || failpoint === ''
        ? noFailpoints
        : armedFailpoint(failpoint, () => process.kill(process.pid, env.SPARKIFY_FAILPOINT_SIGNAL || 'SIGKILL')),
    onInterrupt: (own) => {
      handler = own;
      times = 0;
      return () => {
        if (handler === own) handler = undefined;
      };
    },
    readInput: async () => {
      const chunks: Buffer[] = [];
      for await (const chunk of stdin) chunks.push(chunk as Buffer);
      return Buffer.concat(chunks).toString('utf8');
    },
    ask: async (question) => {
      const { createInterface } = await import('node:readline/promises');
      const reader = createInterface({ input: stdin, output: stderr });
      // While somebody is asked, the terminal gives Ctrl-C to the reader alone.
      const given = new AbortController();
      reader.on('SIGINT', () => given.abort());
      try {
        return await reader.question(question, { signal: AbortSignal.any([controller.signal, given.signal]) });
      } catch {
        return undefined;
      } finally {
        reader.close();
      }
    },
  };
}

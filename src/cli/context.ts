import type { Colors } from 'picocolors/types.js';
import type { Failpoints } from '../core/failpoints.ts';

/** A place for text that tells when it can take more. */
export interface TextSink {
  write(text: string): Promise<void>;
}

/** Everything a command gets from the process it runs in; tests give their own. */
export interface CliContext {
  /** Data. */
  readonly out: TextSink;
  /** Progress, messages, errors. */
  readonly err: TextSink;
  readonly outColors: Colors;
  readonly errColors: Colors;
  /** Is stderr a terminal that a live line can be drawn on? */
  readonly live: boolean;
  /** May a person be asked? */
  readonly interactive: boolean;
  /** Width of stdout in columns. */
  readonly columns: number;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly signal: AbortSignal;
  readonly failpoints: Failpoints;
  /**
   * From now on Ctrl-C and SIGTERM call this, with how often there was one, instead of aborting the signal; the fourth ends
   * the process all the same. Gives back the end of it.
   */
  onInterrupt(handler: (times: number) => void): () => void;
  /** One answer to a question, without its line end; undefined at the end of the input. */
  ask(question: string): Promise<string | undefined>;
  /** All of stdin as text. */
  readInput(): Promise<string>;
}

export function line(sink: TextSink, text = ''): Promise<void> {
  return sink.write(`${text}\n`);
}

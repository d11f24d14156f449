import { runCli } from '../../src/cli/program.ts';
import { fakeContext } from './fake-context.ts';

export interface CliResult {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

export interface CliOptions {
  readonly cwd: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
}

/** Runs a command line in this process, from the sources: the same as the process does, without its start. */
export async function sparkify(args: readonly string[], options: CliOptions): Promise<CliResult> {
  const { cwd, env = {}, input = '' } = options;
  const context = fakeContext({ cwd, env, readInput: async () => input });
  return { code: await runCli(args, context), out: context.output(), err: context.errors() };
}

import { processContext } from './process-context.ts';
import { runCli } from './program.ts';

/** Runs the command line of this process and ends it. */
export async function main(): Promise<never> {
  const exitCode = await runCli(process.argv.slice(2), processContext());
  // What is still in the pipes goes out first; then nothing that an idle connection holds open may keep the process.
  await Promise.all([process.stdout, process.stderr].map((s) => new Promise((done) => s.write('', done))));
  process.exit(exitCode);
}

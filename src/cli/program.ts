import { Command, CommanderError } from 'commander';
import { SparkifyError } from '../core/errors.ts';
import type { CliContext } from './context.ts';
import { reportError } from './error-report.ts';
import { packageVersion } from './package.ts';
import { dataCommands } from './register-data.ts';
import { orchestratorCommands } from './register-orchestrator.ts';
import { projectCommands } from './register-project.ts';
import type { CommandGroup, Registration } from './registration.ts';

/** Runs one command line (without `node` and the script) and gives its exit code. Never throws. */
export async function runCli(argv: readonly string[], context: CliContext): Promise<number> {
  let exitCode = 0;
  const json = argv.includes('--json');
  const registration: Registration = {
    context,
    finish: (code) => {
      exitCode = code;
    },
  };
  try {
    await buildProgram(registration, argv[0], json).parseAsync([...argv], { from: 'user' });
    return exitCode;
  } catch (error) {
    // Without --json commander has said what is wrong already; asking for help is no error.
    if (error instanceof CommanderError) {
      if (json && error.exitCode !== 0) await reportError(context, usageError(error.message), { json });
      return error.exitCode === 0 ? 0 : 2;
    }
    return await reportError(context, error, { json });
  }
}

/** What commander says of a wrong command line, in the words of the other errors. */
function usageText(text: string): string {
  return text
    .trim()
    .replace(/^error: /, '')
    .replace(
      /^(?:command-argument value|(option .+) argument) '(.*)' is invalid(?: for argument '(.*)')?\. /,
      (_, option, value, name) => `${option ?? name}: "${value}" is not valid: `,
    );
}

function usageError(message: string): SparkifyError {
  const [detail = '', hint] = usageText(message).split('\n');
  const fix =
    hint === undefined ? '--help shows the options.' : `${hint.replace(/^\((.*)\)$/, '$1')} --help shows the options.`;
  return new SparkifyError('USAGE', { detail, fix });
}

/** In the order of the help. */
export const commandGroups: readonly CommandGroup[] = [...projectCommands, ...orchestratorCommands, ...dataCommands];

/** The command line; of one command that is asked for by its name, only what is registered with it. */
export function buildProgram(registration: Registration, asked?: string, json = false): Command {
  const { context } = registration;
  const c = context.errColors;
  const program = new Command('sparkify')
    .description('The warehouse and the pipelines of a music streaming company: JSON logs in, an audited star out.')
    .version(packageVersion(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'show help')
    .helpCommand('help [command]', 'show help for a command')
    .showHelpAfterError('(--help shows the options)')
    // Options belong to the command they follow: `backfill` and `backfill cancel` both have a --dry-run.
    .enablePositionalOptions()
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void context.out.write(text),
      writeErr: (text) => void (json ? undefined : context.err.write(text)),
      outputError: (text, write) => write(`${c.red('error')}: ${usageText(text)}\n`),
      getOutHelpWidth: () => Math.min(context.columns, 110),
      getErrHelpWidth: () => Math.min(context.columns, 110),
      getOutHasColors: () => context.outColors.isColorSupported,
      getErrHasColors: () => context.errColors.isColorSupported,
    })
    .configureHelp({ styleTitle: (text) => context.outColors.bold(text) });
  const wanted = commandGroups.filter(([names]) => asked !== undefined && names.includes(asked));
  for (const [, register] of wanted.length > 0 ? wanted : commandGroups) register(program, registration);
  program.addHelpText(
    'after',
    `
Start here:
  sparkify demo                                     a month of simulated plays, loaded and audited
  sparkify init my-warehouse                        a project with a pipeline of your own
  sparkify run sparkify --set logData=DIR/log_data --set songData=DIR/song_data

Environment: SPARKIFY_WAREHOUSE, SPARKIFY_PG_PASSWORD, SPARKIFY_CONFIG, NO_COLOR
Exit codes:  0 ok, 1 run or check failed, 2 usage, 3 configuration, 4 unreachable, 130 interrupted`,
  );
  return program;
}

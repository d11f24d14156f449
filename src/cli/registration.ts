import type { Command } from 'commander';
import type { CliContext } from './context.ts';
import { collectSet } from './set-option.ts';

/** What commands are registered with. */
export interface Registration {
  readonly context: CliContext;
  readonly finish: (exitCode: number) => void;
}

/** Names of commands, and what registers exactly these. */
export type CommandGroup = readonly [
  names: readonly string[],
  register: (program: Command, registration: Registration) => void,
];

/** A command's module: its options, its arguments, its exit code. */
export type Execute<O> = (context: CliContext, options: O, ...args: never[]) => Promise<number>;

/** Loads the command's module only when it is called, so that `--help` starts fast. */
export function runs<O>(command: Command, registration: Registration, load: () => Promise<Execute<O>>): Command {
  return command.action(async (...all: unknown[]) => {
    // Commander hands over the arguments, then the options, then the command.
    const args = all.slice(0, -2) as never[];
    const execute = await load();
    registration.finish(await execute(registration.context, command.opts() as O, ...args));
  });
}

export function examples(command: Command, lines: readonly string[]): Command {
  return command.addHelpText('after', `\nExamples:\n${lines.map((l) => `  ${l}`).join('\n')}`);
}

export function projectOptions(command: Command): Command {
  return command
    .option('-w, --warehouse <url>', 'duckdb:PATH or postgresql://user@host:port/database')
    .option('-c, --config <file>', 'configuration file (default: the nearest sparkify.config.ts)');
}

export function setOption(command: Command): Command {
  return command.option('-s, --set <name=value>', 'a parameter of the pipeline; may be repeated', collectSet);
}

export function formatOptions(command: Command): Command {
  return command
    .option('-f, --format <format>', 'table, json, csv or ndjson (default: table)')
    .option('--json', 'the same as --format json: an array of row objects, streamed')
    .option('--csv', 'the same as --format csv (RFC 4180)')
    .option('--ndjson', 'the same as --format ndjson: one row object a line');
}

export function jsonOption(command: Command): Command {
  return command.option('--json', 'JSON on stdout');
}

import type { Command } from 'commander';
import {
  type CommandGroup,
  examples,
  jsonOption,
  projectOptions,
  type Registration,
  runs,
  setOption,
} from './registration.ts';
import { commaList, wholeNumber } from './set-option.ts';

const START = 'Start:';
const WORK = 'Run:';

/** Commands that make, run and examine a project. */
export const projectCommands: readonly CommandGroup[] = [
  [['demo', 'init', 'simulate', 'doctor'], registerStart],
  [['run', 'resume', 'check'], registerRun],
];

function registerStart(program: Command, registration: Registration): void {
  const demo = program
    .command('demo')
    .helpGroup(START)
    .description('simulate a month of plays, load and audit it, compare it with the truth, show what people heard')
    .option('-d, --directory <dir>', 'where the demo lives', '.sparkify/demo')
    .option('--seed <n>', 'another seed makes another month', wholeNumber(0), 1)
    .option('--users <n>', 'users at the start', wholeNumber(1), 300)
    .option('--songs <n>', 'songs in the catalogue', wholeNumber(1), 2000);
  examples(demo, ['sparkify demo', 'sparkify demo --seed 7 --users 1000 --directory /tmp/demo']);
  runs(demo, registration, async () => (await import('./commands/demo.ts')).demo);

  const init = program
    .command('init')
    .helpGroup(START)
    .description('a new project: sparkify.config.ts and one pipeline of your own, with sample data')
    .argument('<dir>', 'a folder that is new or empty');
  examples(init, ['sparkify init my-warehouse', 'cd my-warehouse && sparkify run orders']);
  runs(init, registration, async () => (await import('./commands/init.ts')).init);

  const simulate = program
    .command('simulate')
    .helpGroup(START)
    .description('write a song catalogue and activity logs in the exact format, with the truth beside them')
    .requiredOption('-o, --out <dir>', 'a folder or s3://bucket/prefix')
    .option('--seed <n>', 'the same seed gives the same bytes on any machine', wholeNumber(0))
    .option('--users <n>', 'users at the start', wholeNumber(1))
    .option('--songs <n>', 'songs in the catalogue', wholeNumber(0))
    .option('--from <day>', 'first day, UTC, for example 2018-11-01')
    .option('--to <day>', 'the day after the last one, UTC')
    .option('-c, --config <file>', 'JSON file with every other knob (docs/simulator.md)')
    .option('--defects <file>', 'plant labelled defects: all, none, or a JSON file of rates');
  jsonOption(simulate);
  examples(simulate, [
    'sparkify simulate --out data --seed 7 --users 500 --songs 2000 --from 2018-11-01 --to 2018-12-01',
    'sparkify simulate --out s3://my-bucket/sparkify --defects all',
  ]);
  runs(simulate, registration, async () => (await import('./commands/simulate.ts')).simulateCommand);

  const doctor = projectOptions(program.command('doctor'))
    .helpGroup(START)
    .description('look at configuration, warehouse, sources, versions, disk and clock; say how to fix what is wrong');
  setOption(jsonOption(doctor));
  examples(doctor, ['sparkify doctor', 'sparkify doctor --warehouse postgresql://me@db.example.com/dwh --json']);
  runs(doctor, registration, async () => (await import('./commands/doctor.ts')).doctor);
}

function registerRun(program: Command, registration: Registration): void {
  const run = projectOptions(program.command('run'))
    .helpGroup(WORK)
    .description('stage what is new, derive the star, audit it and publish it in one transaction')
    .argument('<pipeline>', 'its name, for example sparkify')
    .option('-i, --interval <start/end>', 'half-open, UTC: 2018-11-01/2018-11-02 or 2018-11 (default: all time)')
    .option('--only <tasks>', 'these tasks and what they need; computes and shows, publishes nothing', commaList)
    .option('--dry-run', 'show the rows that would be added, changed and removed, and publish nothing')
    .option('--rebuild', 'derive the whole star anew from the segments, under the definition as it is now')
    .option('--from-sources', 'with --rebuild: read the objects again where the segments lack something')
    .option('--prune', 'retract what came from objects that are gone from the source')
    .option('--yes-all', 'with --prune: also when more than a tenth of the objects is gone')
    .option('--verify', 'hash every local object again, also those whose size and time did not change')
    .option('--wait', 'until it has ended (default)')
    .option('--no-wait', 'where `sparkify up` runs: only ask for it');
  setOption(jsonOption(run));
  examples(run, [
    'sparkify run sparkify --set logData=data/log_data --set songData=data/song_data',
    'sparkify run sparkify --interval 2018-11-01/2018-11-02 --dry-run',
    'sparkify run sparkify --warehouse postgresql://me@localhost:5432/dwh',
  ]);
  runs(run, registration, async () => (await import('./commands/run.ts')).run);

  const resume = projectOptions(program.command('resume'))
    .helpGroup(WORK)
    .description('carry on a run that failed, was cancelled, or was left by a process that died')
    .argument('<run>', 'its number', wholeNumber(1));
  examples(resume, ['sparkify resume 42']);
  runs(jsonOption(resume), registration, async () => (await import('./commands/resume.ts')).resume);

  const check = projectOptions(program.command('check'))
    .helpGroup(WORK)
    .description('the checks against what is published, with their history; exit code 1 if one fails')
    .argument('[name]', 'one check only')
    .option('-p, --pipeline <name>', 'default: the only pipeline of the project, else sparkify')
    .option('--history <n>', 'how many earlier verdicts to show of each', wholeNumber(0), 5);
  setOption(jsonOption(check));
  examples(check, [
    'sparkify check',
    "sparkify check 'songplays.unique(songplay_id)' --history 20",
    'sparkify check --json',
  ]);
  runs(check, registration, async () => (await import('./commands/check.ts')).check);
}

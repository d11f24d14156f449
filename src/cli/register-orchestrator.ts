import { type Command, InvalidArgumentError, Option } from 'commander';
import { planScopes } from '../orchestrator/cells/plan.ts';
import { scopes } from '../server/operations.ts';
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

const TIME = 'Over time:';
const WATCH = 'Watch and steer:';
const LEVELS = ['debug', 'info', 'warn', 'error'];
const DRY_RUN = 'only tell what would happen';

/** Commands about schedules, runs, backfills and workers. */
export const orchestratorCommands: readonly CommandGroup[] = [
  [['up', 'worker'], registerNodes],
  [['plan', 'backfill'], registerPlanning],
  [['status', 'logs', 'events', 'pause', 'unpause'], registerWatching],
  [['runs'], registerRuns],
  [['tasks'], registerTasks],
  [['pools', 'token'], registerAccess],
];

function withConfig(command: Command): Command {
  return command.option('-c, --config <file>', 'configuration file (default: the nearest sparkify.config.ts)');
}

function runNumber(text: string): number {
  return wholeNumber(1)(text.replace(/^#/, ''));
}

function runNumbers(text: string, before: readonly number[] = []): readonly number[] {
  return [...before, runNumber(text)];
}

function attemptNumber(text: string): number | 'last' {
  return text === 'last' ? text : wholeNumber(1)(text);
}

function registerNodes(program: Command, registration: Registration): void {
  const up = nodeOptions(projectOptions(program.command('up')))
    .helpGroup(TIME)
    .description('schedule, run and answer the API, in one process; Ctrl-C drains, twice stops at once')
    .option('--host <name>', 'where to answer (default: 127.0.0.1; beyond this machine everybody needs a token)')
    .option('--port <n>', 'default: 7380, or any when that is taken', wholeNumber(0));
  examples(up, ['sparkify up', 'sparkify up --slots 4 --port 8080']);
  runs(jsonOption(up), registration, async () => (await import('./commands/up.ts')).up);

  const worker = nodeOptions(projectOptions(program.command('worker')))
    .helpGroup(TIME)
    .description('more hands for a store on PostgreSQL; Ctrl-C drains, twice stops at once');
  examples(worker, ['sparkify worker --slots 4', 'sparkify worker --queues heavy']);
  runs(worker, registration, async () => (await import('./commands/worker.ts')).worker);
}

function nodeOptions(command: Command): Command {
  return command
    .option('--slots <n>', 'attempts at a time (default: 8)', wholeNumber(1))
    .option('--queues <names>', 'take tasks of these queues only (default: default)', commaList);
}

function registerPlanning(program: Command, registration: Registration): void {
  const plan = planOptions(withConfig(program.command('plan')))
    .helpGroup(TIME)
    .description('cells: done, missing, failed, stale, running, and why; what would be done; changes nothing')
    .argument('<pipeline>', 'its name')
    .option('--refresh', 'list the sources anew first, so that late and changed objects are seen')
    .option('--graph', 'draw the tasks instead');
  examples(plan, [
    'sparkify plan sparkify',
    'sparkify plan sparkify --from 2018-11-01 --to 2018-12-01 --refresh',
    'sparkify plan sparkify --graph',
  ]);
  runs(jsonOption(plan), registration, async () => (await import('./commands/plan.ts')).plan);
  registerBackfill(program, registration);
}

function registerBackfill(program: Command, registration: Registration): void {
  const load = () => import('./commands/backfill.ts');
  const backfill = planOptions(setOption(withConfig(program.command('backfill'))))
    .helpGroup(TIME)
    .description('freeze a plan of cells and work it off; list, show, pause, resume, cancel')
    .argument('<pipeline>', 'its name')
    .option('--max-active <n>', 'runs under way at a time (default: 4)', wholeNumber(1))
    .option('--refresh', 'list the sources anew first')
    .option('--dry-run', 'only show the plan')
    .option('--wait', 'until it has ended (default where no `sparkify up` runs: it is then carried out here)')
    .option('--no-wait', 'only ask for it');
  examples(backfill, [
    'sparkify backfill sparkify --from 2018-11-01 --to 2018-12-01',
    'sparkify backfill sparkify --scope stale --refresh --dry-run',
    'sparkify backfill show 3',
  ]);
  backfill.enablePositionalOptions();
  runs(jsonOption(backfill), registration, async () => (await load()).backfill);

  const list = withConfig(backfill.command('list'))
    .description('backfills, newest first')
    .option('-p, --pipeline <name>', 'of one pipeline')
    .option('--limit <n>', 'at most so many', wholeNumber(1));
  examples(list, ['sparkify backfill list']);
  runs(jsonOption(list), registration, async () => (await load()).listBackfills);
  for (const [name, description, action] of [
    ['show', 'one backfill, its cells as a picture, and what failed', 'showBackfill'],
    ['pause', 'start no cell of it any more; those under way go on', 'pauseBackfill'],
    ['resume', 'go on with it, with its failed and cancelled cells too', 'resumeBackfill'],
    ['cancel', 'end it; cells under way are cancelled', 'cancelBackfill'],
  ] as const) {
    const command = withConfig(backfill.command(name))
      .description(description)
      .argument('<backfill>', 'its number', wholeNumber(1));
    if (name !== 'show') command.option('--dry-run', DRY_RUN);
    if (name === 'resume') command.option('--wait', 'until it has ended').option('--no-wait', 'only let it go on');
    examples(command, [`sparkify backfill ${name} 3`]);
    runs(jsonOption(command), registration, async () => (await load())[action]);
  }
}

/** Which cells are meant. */
function planOptions(command: Command): Command {
  return command
    .option('--from <instant>', 'beginning of the time looked at, UTC (default: where the schedule begins)', instant)
    .option('--to <instant>', 'its end, UTC (default: now)', instant)
    .addOption(
      new Option('--scope <scope>', 'which cells are to be done (default: open, whatever is not done)').choices([
        ...planScopes,
      ]),
    )
    .option('--every <length>', 'length of an interval, for a pipeline without a schedule: 1 day')
    .option('--coalesce <n>', 'so many neighbours at most are one run', wholeNumber(1))
    .option('--tasks <tasks>', 'tasks or groups; what comes after them is done too', commaList)
    .option('--newest-first', 'the newest interval first');
}

function registerWatching(program: Command, registration: Registration): void {
  const status = withConfig(program.command('status'))
    .helpGroup(WATCH)
    .description('what runs, waits, failed, is late or stale, and why; next runs')
    .argument('[pipeline]', 'one pipeline only');
  examples(status, ['sparkify status', 'sparkify status sparkify --json']);
  runs(jsonOption(status), registration, async () => (await import('./commands/status.ts')).status);

  const logs = withConfig(program.command('logs'))
    .helpGroup(WATCH)
    .description('what the attempts of a run said, with numbers that stay')
    .argument('<run>', 'its number', runNumber)
    .argument('[task]', 'one task only; name[3] for one element of a mapped task')
    .option('--attempt <n>', 'one attempt only: a number, or last', attemptNumber)
    .option('--follow', 'go on as lines are written, until the run has ended')
    .option('--grep <regex>', 'only lines that match; small letters match either case')
    .addOption(new Option('--level <level>', 'this level and those above it').choices(LEVELS))
    .option('--first-error', 'only the earliest error among the last attempts')
    .option('--from <line>', 'from this line of each attempt on', wholeNumber(1))
    .option('--limit <n>', 'at most so many', wholeNumber(1));
  examples(logs, [
    'sparkify logs 42',
    'sparkify logs 42 load-users --attempt last --level warn',
    'sparkify logs 42 --follow',
  ]);
  runs(jsonOption(logs), registration, async () => (await import('./commands/logs.ts')).logs);

  const events = withConfig(program.command('events'))
    .helpGroup(WATCH)
    .description('what happened, in order; with --follow as it happens')
    .option('--follow', 'go on as it happens, until interrupted')
    .option('--after <seq>', 'from the event after this one on (default: the last 50)', wholeNumber(0))
    .option('--limit <n>', 'at most so many of the past', wholeNumber(1))
    .option('-p, --pipeline <name>', 'of one pipeline')
    .option('--run <n>', 'of one run', runNumber)
    .option('--type <types>', 'types or their first word: task.failed,run', commaList);
  examples(events, ['sparkify events --follow', 'sparkify events --type run.failed --json']);
  runs(jsonOption(events), registration, async () => (await import('./commands/events.ts')).events);

  for (const [name, description] of [
    ['pause', 'no scheduled run of a pipeline starts any more; those under way go on'],
    ['unpause', "a pipeline's schedule goes on"],
  ] as const) {
    const command = withConfig(program.command(name))
      .helpGroup(TIME)
      .description(description)
      .argument('<pipeline>', 'its name');
    examples(command, [`sparkify ${name} sparkify`]);
    runs(jsonOption(command), registration, async () => (await import('./commands/pause.ts'))[name]);
  }
}

function registerRuns(program: Command, registration: Registration): void {
  const group = program.command('runs').helpGroup(WATCH).description('list, show, cancel or retry runs');

  const list = withConfig(group.command('list'))
    .description('runs, newest first')
    .option('-p, --pipeline <name>', 'of one pipeline')
    .option(
      '--state <states>',
      'queued, running, cancelling, succeeded, failed, cancelled; several with commas',
      commaList,
    )
    .option('--kind <kinds>', 'scheduled, manual, backfill; several with commas', commaList)
    .option('--backfill <n>', 'of one backfill', wholeNumber(1))
    .option('--late', 'only late ones')
    .option('--from <instant>', 'whose interval ends after this, UTC')
    .option('--to <instant>', 'whose interval begins before this, UTC')
    .option('--limit <n>', 'at most so many', wholeNumber(1), 20);
  examples(list, ['sparkify runs list', 'sparkify runs list --state failed --from 2018-11-01 --json']);
  runs(jsonOption(list), registration, async () => (await import('./commands/runs.ts')).listRuns);

  const show = withConfig(group.command('show'))
    .description('a run and each of its tasks, with the reason for what is not running')
    .argument('<run>', 'its number', runNumber);
  examples(show, ['sparkify runs show 42']);
  runs(jsonOption(show), registration, async () => (await import('./commands/runs.ts')).showRun);

  const cancel = withConfig(group.command('cancel'))
    .description('start nothing of it any more and interrupt what is under way')
    .argument('<runs...>', 'their numbers', runNumbers)
    .option('--dry-run', DRY_RUN);
  examples(cancel, ['sparkify runs cancel 42']);
  runs(jsonOption(cancel), registration, async () => (await import('./commands/runs.ts')).cancelRuns);

  const retry = withConfig(group.command('retry'))
    .description('do again what failed, or a task and all that comes after it')
    .argument('<runs...>', 'their numbers', runNumbers)
    .option('--from-task <task>', 'this task and all that come after it, whatever they ended as')
    .option('--dry-run', DRY_RUN);
  examples(retry, ['sparkify runs retry 42', 'sparkify runs retry 42 --from-task load-songplays']);
  runs(jsonOption(retry), registration, async () => (await import('./commands/runs.ts')).retryRuns);
}

function registerTasks(program: Command, registration: Registration): void {
  const group = program.command('tasks').helpGroup(WATCH).description('retry one task of a run, or say how it ended');
  for (const [name, description, load] of [
    ['retry', 'do a task again, and what comes after it', 'retryTask'],
    ['mark-success', 'take a task for succeeded; adds nothing to what is published', 'markTask'],
    ['skip', 'leave a task out', 'skipTask'],
  ] as const) {
    const command = withConfig(group.command(name))
      .description(description)
      .argument('<run>', 'its number', runNumber)
      .argument('<task>', 'its name; name[3] for one element of a mapped task')
      .option('--dry-run', DRY_RUN);
    examples(command, [`sparkify tasks ${name} 42 load-users`]);
    runs(jsonOption(command), registration, async () => (await import('./commands/tasks.ts'))[load]);
  }
}

function registerAccess(program: Command, registration: Registration): void {
  const pools = program.command('pools').helpGroup(WATCH).description('how many tasks may use something at a time');
  const list = withConfig(pools.command('list')).description('pools with their slots, and who is in them');
  examples(list, ['sparkify pools list']);
  runs(jsonOption(list), registration, async () => (await import('./commands/pools.ts')).listPools);
  const set = withConfig(pools.command('set'))
    .description('make a pool or change its slots; the configuration has the last word at the next start')
    .argument('<pool>', 'its name')
    .argument('<slots>', 'from 1 on', wholeNumber(1));
  examples(set, ['sparkify pools set api 4']);
  runs(jsonOption(set), registration, async () => (await import('./commands/pools.ts')).setPool);

  const token = program.command('token').helpGroup(TIME).description('who may use the HTTP API from other machines');
  const create = withConfig(token.command('create'))
    .description('a new token; its text is shown this once')
    .argument('<name>', 'whose it is, or what it is for')
    .addOption(
      new Option('--scope <scope>', 'what it may do; each holds those before it')
        .choices([...scopes])
        .default('viewer'),
    );
  examples(create, ['sparkify token create dashboard', 'sparkify token create ci --scope operator']);
  runs(jsonOption(create), registration, async () => (await import('./commands/token.ts')).createToken);
  const tokens = withConfig(token.command('list')).description('tokens, without their secrets');
  examples(tokens, ['sparkify token list']);
  runs(jsonOption(tokens), registration, async () => (await import('./commands/token.ts')).listTokens);
  const revoke = withConfig(token.command('revoke')).description('end a token at once').argument('<token>', 'its id');
  examples(revoke, ['sparkify token revoke 0123456789ab']);
  runs(jsonOption(revoke), registration, async () => (await import('./commands/token.ts')).revokeToken);
}

/** An instant in UTC, as a person writes it; checked where it is used. */
function instant(text: string): string {
  if (!/^\d{4}/.test(text))
    throw new InvalidArgumentError('write a date or time in UTC: 2018-11-01 or 2018-11-01T10:00Z');
  return text;
}

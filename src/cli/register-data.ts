import { type Command, Option } from 'commander';
import {
  type CommandGroup,
  examples,
  formatOptions,
  jsonOption,
  projectOptions,
  type Registration,
  runs,
  setOption,
} from './registration.ts';
import { wholeNumber } from './set-option.ts';

const LOOK = 'Look at the data:';
const TRUST = 'Trust the data:';
const PIPELINE = 'default: the only pipeline of the project, else sparkify';

/** Commands about what is in the warehouse. */
export const dataCommands: readonly CommandGroup[] = [
  [['tables'], registerTables],
  [['query', 'analyze', 'export'], registerQueries],
  [['ledger', 'trace'], registerProvenance],
  [['quarantine'], registerQuarantine],
];

function withPipeline(command: Command): Command {
  return setOption(projectOptions(command).option('-p, --pipeline <name>', PIPELINE));
}

function registerTables(program: Command, registration: Registration): void {
  const tables = program
    .command('tables')
    .helpGroup(LOOK)
    .description('create, drop, reset or show the tables of the star');

  const create = withPipeline(tables.command('create'))
    .description('create what is missing')
    .option('--print', "write the engine's SQL to stdout instead, with its comments");
  examples(create, ['sparkify tables create', 'sparkify tables create --print > star.sql']);
  runs(jsonOption(create), registration, async () => (await import('./commands/tables-change.ts')).createTables);

  for (const [name, description] of [
    ['drop', "drop the pipeline's tables and forget what was published"],
    ['reset', 'empty the tables; the objects count as unread again'],
  ] as const) {
    const command = withPipeline(tables.command(name)).description(description).option('-y, --yes', 'do not ask');
    examples(command, [`sparkify tables ${name}`, `sparkify tables ${name} --yes`]);
    runs(jsonOption(command), registration, async () => {
      const module = await import('./commands/tables-change.ts');
      return name === 'drop' ? module.dropTables : module.resetTables;
    });
  }

  const show = withPipeline(tables.command('show'))
    .description('columns, rows, last publish and a sample row of every table')
    .argument('[table]', 'one table only');
  examples(show, ['sparkify tables show', 'sparkify tables show songplays --json']);
  runs(jsonOption(show), registration, async () => (await import('./commands/tables-show.ts')).showTables);

  const erd = withPipeline(tables.command('erd'))
    .description('the entity-relationship diagram')
    .addOption(new Option('-f, --format <format>', 'what to write').choices(['mermaid', 'svg']).default('mermaid'))
    .option('-o, --out <file>', 'write to a file; .svg and .mmd choose the format');
  examples(erd, ['sparkify tables erd', 'sparkify tables erd --out star.svg']);
  runs(erd, registration, async () => (await import('./commands/erd.ts')).erd);
}

function registerQueries(program: Command, registration: Registration): void {
  const query = formatOptions(projectOptions(program.command('query')))
    .helpGroup(LOOK)
    .description('one read-only SQL statement over the published star')
    .argument('[sql]', 'the statement; from stdin when it is "-" or missing');
  examples(query, [
    "sparkify query 'select level, count(*) as plays from songplays group by level order by level'",
    "sparkify query 'select * from users' --csv > users.csv",
  ]);
  runs(query, registration, async () => (await import('./commands/query.ts')).query);

  const analyze = formatOptions(withPipeline(program.command('analyze')))
    .helpGroup(LOOK)
    .description('a named analysis of the pipeline; without a name, the list of them')
    .argument('[name]', 'for example top-songs; "all" for every one')
    .option(
      '-e, --expect [file]',
      'compare with the expected rows (a JSON file of {name: rows}); exit code 1 if they differ',
    );
  examples(analyze, ['sparkify analyze', 'sparkify analyze top-songs', 'sparkify analyze all --expect expected.json']);
  runs(analyze, registration, async () => (await import('./commands/analyze.ts')).analyze);

  const exportCommand = withPipeline(program.command('export'))
    .helpGroup(LOOK)
    .description('the published star as one consistent snapshot')
    .argument('<dir>', 'a folder that is new or empty')
    .addOption(
      new Option('-f, --format <format>', 'of the files').choices(['parquet', 'csv', 'duckdb']).default('parquet'),
    );
  examples(exportCommand, ['sparkify export snapshot', 'sparkify export snapshot --format duckdb']);
  runs(jsonOption(exportCommand), registration, async () => (await import('./commands/export.ts')).exportStar);
}

function registerProvenance(program: Command, registration: Registration): void {
  const ledger = withPipeline(program.command('ledger'))
    .helpGroup(TRUST)
    .description('every object version and where each of its records went; the sums add up')
    .option('--all', 'also versions that were replaced');
  examples(ledger, ['sparkify ledger', 'sparkify ledger --json']);
  runs(formatOptions(ledger), registration, async () => (await import('./commands/ledger.ts')).ledger);

  const trace = withPipeline(program.command('trace'))
    .helpGroup(TRUST)
    .description('a row, back to the records it came from: object, version, line, raw text')
    .argument('<table>', 'for example songplays')
    .argument('<key...>', 'the value of its key, or the values in order');
  examples(trace, ['sparkify trace songplays 145752064', 'sparkify trace users 15 --json']);
  runs(jsonOption(trace), registration, async () => (await import('./commands/trace.ts')).trace);
}

function registerQuarantine(program: Command, registration: Registration): void {
  const quarantine = program
    .command('quarantine')
    .helpGroup(TRUST)
    .description('rejected records: see them, replay, correct or discard them');

  const list = withPipeline(quarantine.command('list'))
    .description('the records in quarantine, each with its reason, column, object and line')
    .option('--reason <reason>', 'only this reason, for example wrong_type')
    .option('--all', 'also those that were replayed, corrected or discarded');
  examples(list, ['sparkify quarantine list', 'sparkify quarantine list --reason wrong_type --json']);
  runs(formatOptions(list), registration, async () => (await import('./commands/quarantine.ts')).listQuarantine);

  const show = withPipeline(quarantine.command('show'))
    .description('one record with its raw text')
    .argument('<id>', 'as `quarantine list` shows it', wholeNumber(1));
  examples(show, ['sparkify quarantine show 12']);
  runs(jsonOption(show), registration, async () => (await import('./commands/quarantine.ts')).showQuarantine);

  const replay = withPipeline(quarantine.command('replay'))
    .description('read the same bytes again under the definition as it is now; the next run publishes them')
    .argument('[ids...]', 'default: all that are open');
  examples(replay, ['sparkify quarantine replay 12 13', 'sparkify quarantine replay --yes']);
  runs(
    jsonOption(replay).option('-y, --yes', 'do not ask'),
    registration,
    async () => (await import('./commands/quarantine-change.ts')).replayQuarantine,
  );

  const correct = withPipeline(quarantine.command('correct'))
    .description('put a corrected record in its place; it is kept as an object of its own, also for rebuilds')
    .argument('<id>', 'as `quarantine list` shows it', wholeNumber(1))
    .option('--text <json>', 'the corrected record')
    .option('--file <path>', 'a file with the corrected record; "-" for stdin')
    .option('--note <text>', 'why');
  examples(correct, [`sparkify quarantine correct 12 --text '{"ts": 1541121934796, …}' --note 'cut in transit'`]);
  runs(
    jsonOption(correct),
    registration,
    async () => (await import('./commands/quarantine-change.ts')).correctQuarantine,
  );

  const discard = withPipeline(quarantine.command('discard'))
    .description('say that a record is not wanted; it stays on record')
    .argument('<ids...>', 'as `quarantine list` shows them')
    .option('--note <text>', 'why')
    .option('-y, --yes', 'do not ask');
  examples(discard, ["sparkify quarantine discard 12 13 --note 'test traffic'"]);
  runs(
    jsonOption(discard),
    registration,
    async () => (await import('./commands/quarantine-change.ts')).discardQuarantine,
  );
}

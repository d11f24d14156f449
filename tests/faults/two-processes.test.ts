import { spawnSync } from 'node:child_process';
import { setTimeout as pause } from 'node:timers/promises';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ensureBuilt, startSparkify } from '../cli/built.ts';
import { useQuickDirectory } from '../property/quick-directory.ts';
import { prepareScenario, type Scenario, type Stage } from './scenario.ts';

const NOTHING_NEW = 'Nothing new for sparkify';

describe.each(['duckdb', 'postgres'] as const)('two processes run the same pipeline at once on %s', (engine) => {
  let scenario: Scenario;
  let undisturbed: Readonly<Record<string, string>>;

  beforeAll(async () => {
    useQuickDirectory();
    await ensureBuilt();
    scenario = await prepareScenario(engine);
    const stage = await scenario.stage();
    await scenario.run(stage);
    undisturbed = await scenario.outcome(stage);
    await stage.dispose();
  }, 120_000);

  afterAll(async () => scenario?.dispose());

  let stores = 0;
  /** Each with a store of its own, as on two machines that know nothing of each other: the warehouse alone keeps them apart. */
  function start(stage: Stage, env: Readonly<Record<string, string>> = {}) {
    const command = scenario.command(stage);
    const store = command.env.SPARKIFY_STORE!.replace(/\.db$/, `-${++stores}.db`);
    return startSparkify(command.args, { cwd: '/', env: { ...command.env, SPARKIFY_STORE: store, ...env } });
  }

  /** A run that stops (SIGSTOP) at a failpoint; it goes on with SIGCONT. */
  async function startPaused(stage: Stage, failpoint: string) {
    const command = start(stage, { SPARKIFY_FAILPOINT: failpoint, SPARKIFY_FAILPOINT_SIGNAL: 'SIGSTOP' });
    while (!isStopped(command.pid!)) {
      if (command.exitCode !== null) expect.fail(`it ended before ${failpoint}:\n${(await command).stderr}`);
      await pause(10);
    }
    // Wrapped, because a function that is awaited would wait for the command's end too.
    return { command, resume: () => command.kill('SIGCONT') };
  }

  test('whichever comes first works, and the star is published once', async () => {
    const stage = await scenario.stage();
    const both = await Promise.all([start(stage), start(stage)]);
    const published = both.filter((r) => r.exitCode === 0 && r.stdout.includes('Published'));
    expect(published, both.map((r) => r.stderr).join('\n')).toHaveLength(1);
    const other = both.find((r) => r !== published[0])!;
    if (other.exitCode === 0) expect(other.stdout).toContain(NOTHING_NEW);
    else {
      expect(engine).toBe('duckdb');
      expect(other).toMatchObject({ exitCode: 4, stderr: expect.stringContaining('[WAREHOUSE_BUSY]') });
    }
    expect(await scenario.outcome(stage)).toEqual(undisturbed);
    await stage.dispose();
  });

  if (engine === 'duckdb') {
    test('while one works, the other fails and names it', async () => {
      const stage = await scenario.stage();
      const first = await startPaused(stage, 'stage.before');
      const second = await start(stage);
      expect(second.exitCode).toBe(4);
      expect(second.stderr).toContain('[WAREHOUSE_BUSY]');
      expect(second.stderr).toContain(`process ${first.command.pid}`);
      first.resume();
      expect(await first.command).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('Published') });
      expect(await start(stage)).toMatchObject({ exitCode: 0, stdout: expect.stringContaining(NOTHING_NEW) });
      expect(await scenario.outcome(stage)).toEqual(undisturbed);
      await stage.dispose();
    });
    return;
  }

  test('while one works, the other waits, names it, and then has nothing to do', async () => {
    const stage = await scenario.stage();
    const first = await startPaused(stage, 'stage.loaded');
    const second = start(stage);
    let said = '';
    for await (const chunk of second.iterable({ from: 'stderr' })) {
      said += chunk;
      if (said.includes('waiting:')) first.resume();
    }
    expect(said).toMatch(new RegExp(`waiting: process ${first.command.pid} on .+ runs sparkify`));
    expect(await first.command).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('Published') });
    expect(await second).toMatchObject({ exitCode: 0, stdout: expect.stringContaining(NOTHING_NEW) });
    expect(await scenario.outcome(stage)).toEqual(undisturbed);
    await stage.dispose();
  });

  test.each([
    ['before its publish', 'publish.before', '[SUPERSEDED]'],
    ['before it records a segment', 'stage.loaded', '[WAREHOUSE_CONFLICT]'],
  ])('a run paused %s that lost its lock cannot publish after another', async (_when, failpoint, code) => {
    const stage = await scenario.stage();
    const paused = await startPaused(stage, failpoint);
    expect(await terminateLockHolder(stage)).toBe(1);
    expect(await start(stage)).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('Published') });
    expect(await scenario.outcome(stage)).toEqual(undisturbed);
    paused.resume();
    expect(await paused.command).toMatchObject({ exitCode: 1, stderr: expect.stringContaining(code) });
    expect(await scenario.outcome(stage)).toEqual(undisturbed);
    expect(await start(stage)).toMatchObject({ exitCode: 0, stdout: expect.stringContaining(NOTHING_NEW) });
    expect(await scenario.outcome(stage)).toEqual(undisturbed);
    await stage.dispose();
  });
});

function isStopped(pid: number): boolean {
  return spawnSync('ps', ['-o', 'state=', '-p', String(pid)])
    .stdout.toString()
    .startsWith('T');
}

/** Ends the connections that hold a pipeline's lock in the stage's database; how many there were. */
async function terminateLockHolder(stage: Stage): Promise<number> {
  const client = new pg.Client({ connectionString: stage.url });
  await client.connect();
  try {
    const { rowCount } = await client.query(
      `select pg_terminate_backend(pid, 10000) from pg_locks where locktype = 'advisory' and granted
         and database = (select oid from pg_database where datname = current_database())`,
    );
    return rowCount ?? 0;
  } finally {
    await client.end();
  }
}

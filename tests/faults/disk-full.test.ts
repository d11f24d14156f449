import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { armedFailpoint } from '../../src/core/failpoints.ts';
import { type FullDisk, forbiddenWrites, mayMount, smallFileSystem } from './full-disk.ts';
import { prepareScenario, type Scenario } from './scenario.ts';

/** Everybody may forbid writes; who may mount (root, where no sandbox holds it back) also fills a real file system. */
const ways = mayMount() ? { smallFileSystem, forbiddenWrites } : { forbiddenWrites };

describe.each(Object.entries(ways))('the disk is full (%s)', (name, make) => {
  let disk: FullDisk;
  let scenario: Scenario;
  let before: Readonly<Record<string, string>>;
  let undisturbed: Readonly<Record<string, string>>;

  beforeAll(async () => {
    disk = make();
    const usual = process.env.TMPDIR;
    process.env.TMPDIR = disk.directory;
    scenario = await prepareScenario('duckdb').finally(() => {
      if (usual === undefined) delete process.env.TMPDIR;
      else process.env.TMPDIR = usual;
    });
    const stage = await scenario.stage();
    before = await scenario.outcome(stage, { readOnly: true });
    await scenario.run(stage);
    undisturbed = await scenario.outcome(stage);
    await stage.dispose();
  }, 120_000);

  afterAll(async () => {
    disk?.makeRoom();
    await scenario?.dispose();
    disk?.dispose();
  });

  test.each([
    ['while an object is scanned', 'spool.before'],
    ['while a segment is written', 'segment.before'],
    ['while a segment is recorded', 'stage.before'],
    ['while the deltas are written', 'delta.before'],
    ['within the publish', 'publish.statement:5'],
  ])('%s: a clear error, the star as it was and readable; with room the next run ends the same', async (_when, at) => {
    const stage = await scenario.stage();
    let filled = false;
    const failpoints = armedFailpoint(at, () => {
      filled = true;
      disk.fill();
    });
    const failure = await scenario.run(stage, { failpoints }).catch((error: unknown) => error);
    expect(filled, `${at} was not reached`).toBe(true);
    try {
      // Of two stagings that are read side by side, one may not have begun when the other's disk is full.
      const reading = at !== 'delta.before' && at !== 'publish.statement:5';
      expect(failure).toMatchObject({
        code: expect.stringMatching(reading ? /^DISK_FULL(?:_AHEAD)?$/ : /^DISK_FULL$/),
        retryable: true,
        exitCode: 1,
      });
      const { songplays, users, songs, artists, time, publishes } = before;
      expect(await scenario.outcome(stage, { readOnly: true })).toMatchObject({
        ...{ songplays, users, songs, artists, time, publishes },
      });
    } finally {
      disk.makeRoom();
    }
    expect(await scenario.run(stage)).toMatchObject({ outcome: 'published', epoch: 2 });
    expect(await scenario.outcome(stage)).toEqual(undisturbed);
    await stage.dispose();
  });

  if (name === 'smallFileSystem') {
    test('ahead of the reading: the run does not begin', async () => {
      const stage = await scenario.stage();
      disk.fill();
      try {
        const failure = await scenario.run(stage).catch((error: unknown) => error);
        expect(failure).toMatchObject({ code: 'DISK_FULL_AHEAD', retryable: true });
        expect(await scenario.outcome(stage, { readOnly: true })).toEqual(before);
      } finally {
        disk.makeRoom();
      }
      await scenario.run(stage);
      expect(await scenario.outcome(stage)).toEqual(undisturbed);
      await stage.dispose();
    });
  }
});

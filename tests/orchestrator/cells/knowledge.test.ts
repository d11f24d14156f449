import { utimesSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { useQuickDirectory } from '../../property/quick-directory.ts';
import { DaysWorld, november } from './days-world.ts';
import { pendingNow } from './pending.ts';

describe('what the store knows of sources and warehouse', () => {
  let world: DaysWorld;
  const week = { fromMs: november(1).startMs, toMs: november(8).startMs };

  beforeAll(useQuickDirectory);
  beforeEach(async () => {
    world = await new DaysWorld().open();
    for (const day of [1, 2, 3, 5]) world.write(day, [world.play(day, 1), world.play(day, 2)]);
    world.song(1, 'one');
    await world.run({ interval: november(1, 6) });
  });
  afterEach(async () => {
    expect(world.notes).toEqual([]);
    await world.close();
  });
  const pending = async (): Promise<readonly string[]> =>
    (await pendingNow(world.store)).map((o) => `${o.change} ${o.name}`);

  test('a publish is known with it: what was published is done, the rest is missing', async () => {
    expect(await pending()).toEqual([]);
    expect(await world.openCells(week)).toEqual(['06 missing: never published', '07 missing: never published']);
    expect((await world.plan(week)).coverage).toMatchObject({ epoch: 1 });
  });

  test('a changed and a late file make exactly their days stale, and a run repairs them', async () => {
    world.write(2, [world.play(2, 1), world.play(2, 3)]);
    world.write(4, [world.play(4, 1)]);
    world.write(6, [world.play(6, 1)]);
    expect(await world.openCells(week)).toHaveLength(2);
    expect(await world.refresh()).toEqual([
      { staging: 'staging_plays', objects: 6, differing: 3, error: undefined },
      { staging: 'staging_songs', objects: 1, differing: 0, error: undefined },
    ]);
    expect(await world.openCells(week)).toEqual([
      '02 stale: log/2018-11-02.json changed after it was published',
      '04 stale: log/2018-11-04.json came after it was published',
      '06 missing: never published; its object was listed just now',
      '07 missing: never published',
    ]);
    const plan = await world.plan({ ...week, scope: 'stale' });
    expect(plan.runs.map((r) => r.objects)).toEqual([1, 1]);
    await world.run({ interval: november(2) });
    expect(await world.openCells(week)).toHaveLength(3);
    await world.run({ interval: november(4) });
    expect(await world.openCells(week)).toEqual([
      // The run of the 4th looked no further than the 5th.
      '06 missing: never published; its object was listed 2 minutes ago',
      '07 missing: never published',
    ]);
    expect(await world.rows('select id from plays order by id')).toEqual(
      [101, 102, 201, 203, 301, 302, 401, 501, 502].map((id) => [id]),
    );
  });

  test('a changed file touches the time of the version that it replaces, too', async () => {
    world.write(5, [world.play(3, 9), world.play(5, 1)]);
    await world.run({ interval: november(5) });
    world.write(5, [world.play(5, 1)]);
    await world.refresh();
    expect((await world.openCells(week)).map((c) => c.slice(0, 8))).toEqual([
      '03 stale',
      '04 stale',
      '05 stale',
      '06 missi',
      '07 missi',
    ]);
  });

  test('a song touches all that is published, and any run brings it up', async () => {
    world.song(2, 'two');
    await world.refresh();
    expect((await world.plan(week)).counts).toMatchObject({ stale: 5, missing: 2 });
    expect((await world.openCells(week))[0]).toBe('01 stale: songs/2.json came after it was published');
    await world.run({ interval: november(3) });
    expect((await world.plan(week)).counts).toMatchObject({ stale: 0, done: 5 });
  });

  test('a file that only got another time is as it was, whoever finds that out', async () => {
    world.touch(world.fileOf(2));
    await world.refresh();
    expect(await pending()).toEqual([]);
    world.touch(world.fileOf(2));
    expect((await world.run({ interval: november(2) })).outcome).toBe('nothing-new');
    expect(await pending()).toEqual([]);
  });

  test('a file so young that only its bytes tell is read', async () => {
    const now = (day: number): void => {
      const seconds = (world.time.nowMs() + 60_000) / 1000;
      utimesSync(join(world.directory, world.fileOf(day)), seconds, seconds);
    };
    world.write(2, [world.play(2, 3)]);
    now(2);
    await world.run({ interval: november(2) });
    await world.refresh();
    expect(await pending()).toEqual([]);
    world.overwrite(2, [world.play(2, 4)]);
    await world.refresh();
    expect(await pending()).toEqual(['changed log/2018-11-02.json']);
    await world.run({ interval: november(2) });
    expect(await pending()).toEqual([]);
    expect(await world.rows('select id from plays where id between 200 and 299')).toEqual([[204]]);
  });

  test('a file that is gone makes nothing stale, and is said', async () => {
    world.remove(3);
    await world.refresh();
    expect(await pending()).toEqual(['gone log/2018-11-03.json']);
    const plan = await world.plan(week);
    expect(plan.counts).toMatchObject({ stale: 0, done: 5 });
    expect(plan.notes).toContain(
      '1 published object is gone from the source (log/2018-11-03.json); its rows stay until sparkify run plays --prune.',
    );
    await world.run({ prune: true, pruneAll: true });
    expect(await pending()).toEqual([]);
  });

  test('a run that fails leaves what it saw', async () => {
    world.write(2, [world.play(2, 1, 'bad')]);
    await expect(world.run({ interval: november(2) })).rejects.toMatchObject({ code: 'CHECKS_FAILED' });
    expect(await pending()).toEqual(['changed log/2018-11-02.json']);
    expect(await world.openCells(week)).toContain('02 stale: log/2018-11-02.json changed after it was published');
  });

  test('what a run saw that failed stays pending when another publishes without it', async () => {
    world.write(2, [world.play(2, 1, 'bad')]);
    await expect(world.run({ interval: november(2) })).rejects.toMatchObject({ code: 'CHECKS_FAILED' });
    expect((await world.run({ rebuild: true })).outcome).toBe('published');
    expect(await pending()).toEqual(['changed log/2018-11-02.json']);
    world.write(2, [world.play(2, 1)]);
    expect((await world.run({ interval: november(2) })).outcome).toBe('published');
    expect(await pending()).toEqual([]);
  });

  test('what is put back as it was is pending no more', async () => {
    world.write(2, [world.play(2, 9)]);
    await world.refresh();
    expect(await pending()).toHaveLength(1);
    world.write(2, [world.play(2, 1), world.play(2, 2)]);
    await world.refresh();
    expect(await pending()).toEqual([]);
  });

  test('a source that cannot be listed keeps nothing else back, and is said', async () => {
    world.song(2, 'two');
    world.unreachable = 'log';
    const [log, songs] = await world.refresh();
    expect(log!.error?.message).toContain('does not answer');
    expect(songs).toMatchObject({ differing: 1, error: undefined });
    const plan = await world.plan(week);
    expect(plan.listings.map((l) => [l.staging, l.error?.code])).toEqual([
      ['staging_plays', 'INTERNAL'],
      ['staging_songs', undefined],
    ]);
    expect(plan.notes.join('\n')).toContain('staging_plays could not be listed');
    expect(plan.counts.stale).toBe(5);
    world.unreachable = undefined;
    await world.refresh();
    expect((await world.plan(week)).listings.map((l) => l.error)).toEqual([undefined, undefined]);
  });

  test('what was known of a staging that is gone is forgotten', async () => {
    await world.store.write((tx) =>
      tx.run(
        `insert into pending_lots (pipeline, staging, root, change, listed_at_ms, versioned, objects_json)
         values ('plays', 'staging_old', '', 'new', 0, 0, $1), ('other', 'staging_old', '', 'new', 0, 0, $1)`,
        ['[["u", null, 1, null, "n"]]'],
      ),
    );
    expect((await world.plan(week)).counts.stale).toBe(5);
    await world.refresh();
    expect((await world.plan(week)).counts.stale).toBe(0);
    expect(await pending()).toEqual(['new n']);
  });

  test('a definition that changed makes all that is published stale', async () => {
    await world.store.write((tx) => tx.run("update pipelines set coverage_definition = 'older'"));
    const plan = await world.plan(week);
    expect(plan.counts).toMatchObject({ stale: 5, missing: 2 });
    expect(plan.blocked).toMatchObject({ code: 'REBUILD_FIRST' });
  });
});

test('a warehouse without a ledger is one where nothing is published', async () => {
  const world = await new DaysWorld().open();
  try {
    world.write(1, [world.play(1, 1)]);
    const week = { fromMs: november(1).startMs, toMs: november(3).startMs };
    expect(await world.openCells(week)).toEqual([
      '01 missing: what is published was never read from the warehouse',
      '02 missing: what is published was never read from the warehouse',
    ]);
    await world.refresh();
    expect(await world.openCells(week)).toEqual([
      '01 missing: never published; its object was listed just now',
      '02 missing: never published',
    ]);
  } finally {
    await world.close();
  }
});

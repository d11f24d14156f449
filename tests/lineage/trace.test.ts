import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isSparkifyError } from '../../src/core/errors.ts';
import { ledgerReport } from '../../src/lineage/ledger-report.ts';
import { trace } from '../../src/lineage/trace.ts';
import { DAY, event, NOV_1, november, smallSparkify, song, stagingOf } from '../quality/small-sparkify.ts';
import { SmallWarehouse } from '../quality/small-warehouse.ts';

const fields: Record<string, string> = {
  session_id: 'sessionId',
  item_in_session: 'itemInSession',
  user_id: 'userId',
  first_name: 'firstName',
};

/** A record as its source has it. */
function sourceText(record: Readonly<Record<string, unknown>>): string {
  return JSON.stringify(Object.fromEntries(Object.entries(record).map(([k, v]) => [fields[k] ?? k, v])));
}

const early = event(NOV_1, 1, 0, { song: 'T', artist: 'A', length: 101 });
const late = event(NOV_1 + 50, 1, 0, { song: 'Other' });
const home = event(NOV_1 + 60, 1, 1, { page: 'Home', level: 'paid', last_name: 'Lovelace' });
const tomorrow = event(NOV_1 + DAY, 1, 2);
const songs = [
  song('S1', 'T', 'A', { duration: 120 }),
  song('S2', 'T', 'A', { duration: 102, artist_location: 'Rome' }),
  song('S3', 'Else', 'A', { artist_latitude: 1.5, artist_longitude: 2 }),
];

// A line that was rejected stands between the first and the second record of the first file.
const firstFile = `${sourceText(late)}\n{"broken":\n${sourceText(home)}\n${sourceText(tomorrow)}`;
const secondFile = gzipSync(`\uFEFF${sourceText(early)}\r\n`);
const songFile = `[${JSON.stringify(songs[0])}, ${JSON.stringify(songs[1])},\n${JSON.stringify(songs[2], null, 2)}]`;
const sources: Record<string, string | Buffer> = {
  'file:///1': firstFile,
  'file:///2.gz': secondFile,
  'file:///songs': songFile,
};
const readVersion = async (uri: string, version: string): Promise<Uint8Array | undefined> =>
  sources[uri] === undefined || version !== '1' ? undefined : Buffer.from(sources[uri]);

async function loaded(): Promise<SmallWarehouse> {
  const warehouse = await SmallWarehouse.open(smallSparkify());
  const events = stagingOf(warehouse.pipeline, 'staging_events');
  const quarantined = [
    { ordinal: 1, line: 2, reason: 'malformed_json', detail: 'cut', raw: Buffer.from('{"broken":') },
  ] as const;
  const positions = [{ row: 1, ordinal: 2, line: 3 }];
  const incoming = [
    ...(await warehouse.stage(events, [
      { uri: 'file:///1', records: [late, home, tomorrow], quarantined, positions },
      { uri: 'file:///2.gz', records: [early] },
    ])),
    ...(await warehouse.stage(stagingOf(warehouse.pipeline, 'staging_songs'), [
      {
        uri: 'file:///songs',
        records: songs,
        positions: [
          { row: 1, ordinal: 1, line: 1 },
          { row: 2, ordinal: 2, line: 2 },
        ],
      },
    ])),
  ];
  await warehouse.publish(await warehouse.begin({ incoming, interval: november(1) }));
  return warehouse;
}

let warehouse: SmallWarehouse;
beforeAll(async () => {
  warehouse = await loaded();
});
afterAll(() => warehouse.close());

const traced = async (table: string, key: string) =>
  trace({ standing: await warehouse.standing(), table, key, readVersion });

describe('tracing a fact', () => {
  it('shows the winner, the duplicate it won against, and the record that each lookup found', async () => {
    const report = await traced('songplays', String(2 ** 20));
    expect(report.row).toMatchObject({ songplay_id: 2 ** 20, song_id: 'S2', artist_id: 'ARA' });
    expect(report.records).toMatchObject([
      { role: 'winner', uri: 'file:///2.gz', ordinal: 0, line: 1, raw: sourceText(early) },
      { role: 'duplicate', uri: 'file:///1', row: 0, ordinal: 0, line: 1, raw: sourceText(late), gives: [] },
      {
        role: 'lookup',
        lookup: 'song',
        uri: 'file:///songs',
        row: 1,
        ordinal: 1,
        line: 1,
        raw: JSON.stringify(songs[1]),
        gives: ['song_id', 'artist_id'],
      },
    ]);
    expect(report.records[0]!.gives).not.toContain('song_id');
    expect(report.notes.join()).toContain('2 records of staging_songs');
  });
});

describe('tracing a dimension', () => {
  it('shows the one record that gave all values, and among how many it won', async () => {
    const report = await traced('users', '7');
    expect(report.row).toMatchObject({ level: 'paid', last_name: 'Lovelace' });
    expect(report.records).toMatchObject([
      { role: 'winner', uri: 'file:///1', row: 1, ordinal: 2, line: 3, raw: sourceText(home) },
    ]);
    expect(report.records[0]!.gives).toEqual(['user_id', 'first_name', 'last_name', 'gender', 'level']);
    expect(report.notes.join()).toContain('2 records in force');
    expect(report.notes.join()).toContain('by ts descending, item_in_session descending');
  });

  it('finds a record that was written over several lines', async () => {
    const report = await traced('artists', 'artist_id=ARA');
    expect(report.records).toMatchObject([{ row: 2, line: 2, raw: JSON.stringify(songs[2], null, 2) }]);
  });
});

it('traces a moment to the plays that began at it', async () => {
  const report = await traced('time', '2018-11-01T00:00:00.000Z');
  expect(report.records).toMatchObject([{ role: 'winner', raw: sourceText(early) }]);
  expect(report.notes[0]).toContain('one row of songplays');
});

describe('tracing a staged record', () => {
  it.each([
    ['1,0', 'lost to another record of the same key'],
    ['1,1', 'in force'],
    ['1,2', 'outside the published coverage'],
    ['object=2,row=0', 'in force'],
    ['session_id=1,item_in_session=2', 'outside the published coverage'],
  ])('%s was %s', async (key, fate) => {
    expect((await traced('staging_events', key)).records).toMatchObject([{ role: 'staged', fate }]);
  });
});

it('gives the typed record, and says so, when the version is gone from the source', async () => {
  const report = await trace({
    standing: await warehouse.standing(),
    table: 'users',
    key: '7',
    readVersion: async () => undefined,
  });
  expect(report.records).toMatchObject([{ raw: undefined, record: { level: 'paid', ts: NOV_1 + 60 } }]);
  expect(report.records[0]!.note).toContain('gone from its source');
});

it.each([
  ['nope', '1', 'no table nope', 'songplays'],
  ['songplays', '5', 'no row with the key 5', String(2 ** 20)],
  ['songplays', 'abc', 'no whole number', 'bigint'],
  ['time', 'yesterday', 'no time in UTC', 'timestamp'],
  ['staging_events', '9,0', 'no object 9', 'ledger'],
  ['staging_events', '1,7', '3 records', 'from 0'],
  ['staging_events', 'x', 'no key of staging_events', 'object=…'],
])('trace %s %s says what is wrong and what would be right', async (table, key, message, fix) => {
  const error = await traced(table, key).catch((e: unknown) => e);
  expect(isSparkifyError(error)).toBe(true);
  expect(error).toMatchObject({ code: 'TRACE_UNKNOWN' });
  expect((error as Error).message).toContain(message);
  expect((error as { remedy: string }).remedy).toContain(fix);
});

describe('the ledger report', () => {
  it('says where every record went, and its sums add up', async () => {
    const report = await ledgerReport(await warehouse.standing());
    expect(report.objects).toMatchObject([
      { uri: 'file:///1', read: 4, staged: 3, quarantined: 1, loaded: 0, filtered: 1, outside: 1, duplicated: 1 },
      { uri: 'file:///2.gz', read: 1, staged: 1, loaded: 1, filtered: 0, outside: 0, duplicated: 0 },
      { uri: 'file:///songs', staged: 3, loaded: 3, filtered: 0, outside: 0, duplicated: 0 },
    ]);
    expect(report.total).toEqual({
      objects: 3,
      read: 8,
      staged: 7,
      quarantined: 1,
      loaded: 4,
      filtered: 1,
      outside: 1,
      duplicated: 1,
    });
  });

  it('counts the losers that would not have been plays as duplicated, and a retired version as outside', async () => {
    const own = await loaded();
    const events = stagingOf(own.pipeline, 'staging_events');
    const incoming = await own.stage(events, [
      { uri: 'file:///1', version: '2', records: [home, { ...home, ts: NOV_1 + 70 }] },
    ]);
    const [staged] = (await ledgerReport(await own.standing())).objects.filter((o) => o.state === 'staged');
    expect(staged).toMatchObject({ staged: 2, outside: 2, loaded: 0, duplicated: 0 });
    await own.publish(await own.begin({ incoming, outgoing: [1], interval: november(1) }));
    const report = await ledgerReport(await own.standing());
    expect(report.objects.filter((o) => o.uri === 'file:///1')).toMatchObject([
      { state: 'retired', staged: 3, outside: 3, loaded: 0 },
      { state: 'live', staged: 2, filtered: 1, duplicated: 1, loaded: 0, outside: 0 },
    ]);
    own.close();
  });
});

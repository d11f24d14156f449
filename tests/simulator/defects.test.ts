import { describe, expect, test } from 'vitest';
import { DEFECT_KINDS, type DefectLabel, type DefectName } from '../../src/simulator/index.ts';
import { events, keysBelow, type LogRecord, rows, simulated } from './memory-sink.ts';

const SMALL = { seed: 31, users: 60, songs: 200, from: '2018-11-01', to: '2018-11-10', config: { beta: 86_400 } };

const labelsOf = (files: ReadonlyMap<string, Buffer>) => rows<DefectLabel>(files.get('truth-defects.ndjson'));

/** The physical line a label points at. */
function lineAt(files: ReadonlyMap<string, Buffer>, label: DefectLabel): string {
  return (files.get(label.key) as Buffer).toString('latin1').split('\n')[(label.line as number) - 1] as string;
}

const day = (key: string) => key.slice(key.lastIndexOf('/') + 1).slice(0, 10);
const dayOf = (e: LogRecord) => new Date(e.ts).toISOString().slice(0, 10);

async function planted(kind: DefectName, rate = 0.1) {
  const output = await simulated({ ...SMALL, defects: { [kind]: rate } });
  const labels = labelsOf(output.files);
  expect(labels.length).toBeGreaterThan(0);
  expect(new Set(labels.map((l) => l.kind))).toEqual(new Set([kind]));
  return { ...output, labels };
}

describe('defects', () => {
  test('are not planted unless asked for', async () => {
    const { files, truth } = await simulated(SMALL);
    expect(files.get('truth-defects.ndjson')).toHaveLength(0);
    expect(truth.defects).toEqual({});
    expect(truth.records.events.quarantined + truth.records.songs.quarantined).toBe(0);
  });

  const ruining = (Object.keys(DEFECT_KINDS) as DefectName[]).filter(
    (kind) => DEFECT_KINDS[kind].scope === 'event' && 'reason' in DEFECT_KINDS[kind],
  );
  test.each(ruining)(
    '%s: each label points at a line that is spoiled, and all others are as without it',
    async (kind) => {
      const { files, labels, truth } = await planted(kind);
      const clean = await simulated(SMALL);
      for (const key of keysBelow(files, 'log_data')) {
        const lines = (files.get(key) as Buffer).toString('latin1').split('\n');
        const good = (clean.files.get(key) as Buffer).toString('latin1').split('\n');
        const differing = lines.flatMap((line, i) => (line === good[i] ? [] : [i + 1]));
        expect(lines).toHaveLength(good.length);
        expect(differing).toEqual(labels.filter((l) => l.key === key).map((l) => l.line));
      }
      for (const label of labels) expect(label.ordinal).toBe((label.line as number) - 1);
      expect(truth.records.events.quarantined).toBe(labels.length);
    },
  );

  test('the first record of a file is good, and no file has too many bad ones', async () => {
    const { labels, files } = await planted('cut_line', 1);
    for (const key of keysBelow(files, 'log_data')) {
      const records = (files.get(key) as Buffer).toString('latin1').split('\n').length;
      const bad = labels.filter((l) => l.key === key);
      expect(bad.length).toBeLessThanOrEqual(0.04 * records);
      expect(bad.every((l) => l.ordinal !== 0)).toBe(true);
    }
  });

  test('late_event: stands in the file of a later day, and nowhere else', async () => {
    const { labels, files, truth } = await planted('late_event');
    for (const label of labels) {
      const event = JSON.parse(lineAt(files, label)) as LogRecord;
      expect(dayOf(event) < day(label.key)).toBe(true);
    }
    const keys = events(files).map((e) => `${e.sessionId}/${e.itemInSession}`);
    expect(new Set(keys).size).toBe(keys.length);
    expect(truth.records.events.duplicated).toBe(0);
  });

  test('out_of_order: stands behind events that are later', async () => {
    const { labels, files } = await planted('out_of_order', 0.01);
    let behind = 0;
    for (const label of labels) {
      const lines = (files.get(label.key) as Buffer).toString('latin1').split('\n');
      const at = (line: string) => (JSON.parse(line) as LogRecord).ts;
      const before = lines[(label.line as number) - 2];
      if (before !== undefined && at(before) > at(lineAt(files, label))) behind++;
    }
    expect(behind).toBeGreaterThan(labels.length / 2);
  });

  test.each([
    ['duplicate', true, true],
    ['duplicate_other_file', true, false],
    ['duplicate_differing', false, true],
    ['duplicate_differing_other_file', false, false],
  ] as const)('%s: a second record of one key', async (kind, same, here) => {
    const { labels, files, truth } = await planted(kind);
    const first = new Map<string, { line: string; key: string }[]>();
    for (const key of keysBelow(files, 'log_data'))
      for (const line of (files.get(key) as Buffer).toString('latin1').split('\n')) {
        const e = JSON.parse(line) as LogRecord;
        const id = `${e.sessionId}/${e.itemInSession}`;
        first.set(id, [...(first.get(id) ?? []), { line, key }]);
      }
    for (const label of labels) {
      const copy = lineAt(files, label);
      const e = JSON.parse(copy) as LogRecord;
      const both = first.get(`${e.sessionId}/${e.itemInSession}`) as { line: string; key: string }[];
      expect(both).toHaveLength(2);
      expect(both[0]?.line === both[1]?.line).toBe(same);
      expect(both[0]?.key === both[1]?.key).toBe(here);
      const times = both.map((b) => (JSON.parse(b.line) as LogRecord).ts);
      if (!same) expect(e.ts).toBe(Math.max(...times));
      if (!same) expect(times[0]).not.toBe(times[1]);
    }
    expect(truth.records.events.duplicated).toBe(labels.length);
  });

  test('missing_file: there is no file and its events are not expected', async () => {
    const { labels, files, truth } = await planted('missing_file', 0.4);
    for (const label of labels) {
      expect(files.has(label.key)).toBe(false);
      expect(truth.plays.byDay[day(label.key)]).toBeUndefined();
    }
    expect(labels.length).toBeLessThan(9);
  });

  test('the form of a file changes without its records', async () => {
    const clean = await simulated(SMALL);
    const starts: Partial<Record<DefectName, (bytes: Buffer) => boolean>> = {
      bom: (b) => b.subarray(0, 3).toString('hex') === 'efbbbf',
      crlf: (b) => b.includes('}\r\n{'),
      gzip: (b) => b.subarray(0, 2).toString('hex') === '1f8b',
      final_newline: (b) => b.at(-1) === 10,
      blank_lines: (b) => /\n\s*\n/.test(b.toString('latin1')),
    };
    for (const [kind, has] of Object.entries(starts)) {
      const { truth, files, labels } = await planted(kind as DefectName, 0.5);
      for (const label of labels) expect(has(files.get(label.key) as Buffer)).toBe(true);
      expect(truth.tables).toEqual(clean.truth.tables);
      for (const label of labels) expect(label.key.endsWith('.gz')).toBe(kind === 'gzip');
    }
  });

  test('a spoiled song does not reach the catalogue, and its plays have no song', async () => {
    const { truth, labels, files } = await planted('song_cut', 0.5);
    expect(truth.tables.songs).toBe(200 - labels.length);
    for (const label of labels) expect(() => JSON.parse((files.get(label.key) as Buffer).toString())).toThrow();
    const clean = await simulated(SMALL);
    expect(truth.matched.titleArtist).toBeLessThan(clean.truth.matched.titleArtist);
    expect(truth.tables.songplays).toBe(clean.truth.tables.songplays);
  });

  test('a song under two tracks is one song', async () => {
    const { truth, labels } = await planted('song_duplicate_differing', 0.2);
    expect(truth.tables.songs).toBe(200);
    expect(truth.tables.staging_songs).toBe(200 + labels.length);
    expect(truth.records.songs.duplicated).toBe(labels.length);
  });
});

import { describe, expect, test } from 'vitest';
import { renderBars } from '../../src/cli/bars.ts';
import { type Format, writeJsonArray, writeResult } from '../../src/cli/output.ts';
import { printRunReport, runReportJson } from '../../src/cli/run-report.ts';
import { textWidth, truncate, visible } from '../../src/cli/text-width.ts';
import { bytesText } from '../../src/cli/values.ts';
import { durationText } from '../../src/core/duration-text.ts';
import type { RunSummary } from '../../src/orchestrator/worker/run-summary.ts';
import type { ResultBatch, SqlValue } from '../../src/warehouse/session.ts';
import { fakeContext } from './fake-context.ts';

async function* batches(
  columns: readonly (readonly [string, string])[],
  ...parts: readonly (readonly SqlValue[])[][]
): AsyncIterable<ResultBatch> {
  const named = columns.map(([name, type]) => ({ name, type }));
  yield { columns: named, rows: [] };
  for (const rows of parts) yield { columns: named, rows };
}

async function written(format: Format, result: AsyncIterable<ResultBatch>): Promise<string> {
  const context = fakeContext();
  await writeResult(result, format, context.out, context.outColors);
  return context.output();
}

describe('json', () => {
  test('is an array of row objects over several batches', async () => {
    const text = await written('json', batches([['a', 'bigint']], [[1], [2]], [[3]]));
    expect(JSON.parse(text)).toEqual([{ a: 1 }, { a: 2 }, { a: 3 }]);
  });

  test('is [] without rows', async () => {
    expect(await written('json', batches([['a', 'bigint']]))).toBe('[]\n');
  });

  test('writes values as they are promised', async () => {
    const columns = ['bigint', 'bigint', 'timestamp', 'date', 'double', 'double', 'blob', 'varchar', 'boolean'];
    const row = [
      9007199254740991,
      9223372036854775807n,
      new Date('2018-11-02T01:25:34.796Z'),
      new Date('2018-11-02T00:00:00Z'),
      0.1,
      Number.NaN,
      new Uint8Array([0, 255]),
      null,
      true,
    ];
    const text = await written(
      'json',
      batches(
        columns.map((type, i) => [`c${i}`, type] as const),
        [row],
      ),
    );
    expect(JSON.parse(text)[0]).toEqual({
      c0: 9007199254740991,
      c1: '9223372036854775807',
      c2: '2018-11-02T01:25:34.796Z',
      c3: '2018-11-02',
      c4: 0.1,
      c5: 'NaN',
      c6: '\\x00ff',
      c7: null,
      c8: true,
    });
  });

  test('keeps both of two columns with one name', async () => {
    const columns = [
      ['id', 'bigint'],
      ['id', 'bigint'],
    ] as const;
    expect(JSON.parse(await written('json', batches(columns, [[1, 2]])))).toEqual([{ id: 1, id_1: 2 }]);
  });

  test('arrays of other things stream the same way', async () => {
    const context = fakeContext();
    await writeJsonArray(context.out, [{ a: 1n }, { b: [2] }]);
    expect(JSON.parse(context.output())).toEqual([{ a: '1' }, { b: [2] }]);
  });
});

test('ndjson is one object a line, and nothing without rows', async () => {
  expect(await written('ndjson', batches([['a', 'bigint']], [[1], [2]]))).toBe('{"a":1}\n{"a":2}\n');
  expect(await written('ndjson', batches([['a', 'bigint']]))).toBe('');
});

describe('csv', () => {
  test('quotes as RFC 4180 says and tells NULL from empty', async () => {
    const columns = [
      ['a,b', 'varchar'],
      ['c', 'varchar'],
    ] as const;
    const rows: SqlValue[][] = [
      ['x"y', 'two\r\nlines'],
      [null, ''],
      [' padded ', 'plain'],
    ];
    expect(await written('csv', batches(columns, rows))).toBe(
      '"a,b",c\r\n"x""y","two\r\nlines"\r\n,""\r\n" padded ",plain\r\n',
    );
  });

  test('has its header without rows', async () => {
    expect(await written('csv', batches([['a', 'bigint']]))).toBe('a\r\n');
  });
});

describe('table', () => {
  test('aligns numbers right and wide text by its width', async () => {
    const columns = [
      ['song', 'varchar'],
      ['plays', 'bigint'],
    ] as const;
    const text = await written(
      'table',
      batches(columns, [
        ['夜に駆ける', 7],
        ['Undo', 28],
      ]),
    );
    expect(text).toBe(
      ['song        plays', '──────────  ─────', '夜に駆ける      7', 'Undo           28', '2 rows', ''].join('\n'),
    );
  });

  test('says how many rows it leaves out', async () => {
    const rows = Array.from({ length: 600 }, (_, i) => [i]);
    const text = await written('table', batches([['n', 'bigint']], rows, rows));
    expect(text.split('\n').filter((l) => /^\s*\d+$/.test(l))).toHaveLength(1000);
    expect(text).toContain('showing 1,000 of 1,200 rows');
  });

  test('lets no data steer the terminal', async () => {
    const text = await written('table', batches([['a', 'varchar']], [['\u001b[31mred\nline']]));
    expect(text).not.toContain('\u001b');
    expect(text).toContain('␛[31mred␊line');
  });
});

test('bars are proportional to the largest value and fit the width', () => {
  const lines = renderBars(
    [
      { label: 'sixteen', value: 542 },
      { label: 'three', value: 271 },
      { label: 'none', value: 0 },
    ],
    { width: 60, color: (t) => t },
  );
  const lengths = lines.map((l) => [...l].filter((c) => c === '█').length);
  expect(lengths[0]).toBe(lengths[1]! * 2);
  expect(lengths[2]).toBe(0);
  for (const l of lines) expect(textWidth(l)).toBeLessThanOrEqual(60);
});

test('widths count what a terminal shows', () => {
  expect(textWidth('Björk')).toBe(5);
  expect(textWidth('Bjo\u0308rk')).toBe(5);
  expect(textWidth('👩‍🎤!')).toBe(3);
  expect(truncate('夜に駆ける', 5)).toBe('夜に…');
  expect(visible('a\u202eb\u0000')).toBe('a\\u202eb␀');
});

test('a character is as wide by itself as beside one that wants a closer look', () => {
  for (const [from, to] of [
    [0x20, 0x300],
    [0x2010, 0x2800],
  ] as const)
    for (let code = from; code < to; code++) {
      const character = String.fromCodePoint(code);
      // A mark joins the character before it.
      if (/[\p{M}\p{Cf}]/u.test(character)) continue;
      expect(textWidth(character), code.toString(16)).toBe(textWidth(`界 ${character}`) - 3);
    }
});

test('durations and sizes are written for people', () => {
  expect([840, 1234, 125_000].map(durationText)).toEqual(['840 ms', '1.2 s', '2 min 05 s']);
  expect([0, 999, 1500, 250_000_000].map(bytesText)).toEqual(['0 B', '999 B', '1.5 kB', '250 MB']);
});

test('a run says what it retracted apart from what it replaced', async () => {
  const context = fakeContext();
  const stage = {
    staging: 's',
    listed: 9,
    incoming: 1,
    outgoing: 3,
    abandoned: 0,
    gone: 2,
    pruned: 2,
    goneNames: ['file:///a', 'file:///b'],
    read: 1,
    staged: 1,
    quarantined: 0,
  };
  const report: RunSummary = {
    pipeline: 'p',
    interval: { startMs: 0, endMs: 86_400_000 },
    outcome: 'published',
    batchId: 1,
    epoch: 1,
    stages: [stage],
    deltas: [],
    checks: [],
    warnings: [],
    durationMs: 1,
  };
  await printRunReport(context, report);
  expect(context.output()).toMatch(/listed +new +replaced +gone +retracted +read/);
  expect(context.output()).toMatch(/^s +9 +1 +1 +2 +2 +1 +1 +0$/m);
  expect(runReportJson(report)).toMatchObject({ stages: [{ replaced: 1, retracted: 2, gone: stage.goneNames }] });
  const { pruned: _, ...stored } = stage;
  expect(runReportJson({ ...report, stages: [stored] })).toMatchObject({ stages: [{ replaced: 3, retracted: 0 }] });
});

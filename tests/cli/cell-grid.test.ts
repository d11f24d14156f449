import pc from 'picocolors';
import { expect, test } from 'vitest';
import { type GridState, gridLegend, renderCellGrid } from '../../src/cli/cell-grid.ts';

const DAY = 86_400_000;
const style = (width: number) => ({ colors: pc.createColors(false), width });
const days = (from: string, count: number) => Array.from({ length: count }, (_, i) => Date.parse(from) + i * DAY);

test('a mark for each cell, with the months above', () => {
  const starts = days('2018-10-28', 8);
  const states: GridState[] = ['done', 'done', 'failed', 'stale', 'running', 'missing', 'done', 'done'];
  expect(
    renderCellGrid(
      starts,
      [
        { name: 'load', states },
        { name: 'quality', states: states.toReversed() },
      ],
      style(80),
    ),
  ).toEqual(['         2018-10-28', 'load     ✓✓✗~▶·✓✓', 'quality  ✓✓·▶~✗✓✓']);
});

test('more intervals than columns: each column shows the worst of several', () => {
  const starts = days('2018-01-01', 365);
  const states: GridState[] = starts.map((_, i) => (i === 100 ? 'failed' : i === 300 ? 'stale' : 'done'));
  const lines = renderCellGrid(starts, [{ name: 'load', states }], style(80));
  expect(lines[0]).toMatch(/^ {6}2018-01-01 /);
  expect(lines[0]!.trim().split(/ +/)).toEqual([
    '2018-01-01',
    '03',
    '04',
    '05',
    '06',
    '07',
    '08',
    '09',
    '10',
    '11',
    '12',
  ]);
  expect(lines[1]!.slice(6)).toBe(`${'✓'.repeat(20)}✗${'✓'.repeat(39)}~${'✓'.repeat(12)}`);
  expect(lines[2]).toContain('each column stands for 5 intervals');
  for (const line of lines) expect(line.length).toBeLessThanOrEqual(80);
});

test('long names are cut, nothing gives nothing, and only marks that are there are explained', () => {
  expect(renderCellGrid([], [], style(80))).toEqual([]);
  const [, line] = renderCellGrid([0], [{ name: 'x'.repeat(60), states: ['done'] }], style(40));
  expect(line).toBe(`${'x'.repeat(27)}…  ✓`);
  expect(gridLegend(pc.createColors(false), new Set<GridState>(['stale', 'done']))).toBe('✓ done  ~ stale');
});

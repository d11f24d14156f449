import { expect, test } from 'vitest';
import { mermaidErd, referencesOf } from '../../src/warehouse/erd.ts';
import { svgErd } from '../../src/warehouse/erd-svg.ts';
import { stagings, tables } from './ddl-fixture.ts';

test('references are found by table and column, and those that lead out are left out', () => {
  expect(referencesOf(tables).map((r) => `${r.from.name}.${r.column}>${r.to.name}.${r.toColumn}`)).toEqual([
    'plays.start_time>time.start_time',
    'plays.song "id">songs.song_id',
  ]);
  expect(referencesOf(tables.slice(0, 1))).toEqual([]);
  expect(stagings).toHaveLength(1);
});

test('the Mermaid text is the reviewed one', async () => {
  await expect(mermaidErd(tables)).toMatchFileSnapshot('golden/erd.mmd');
});

test('the SVG is the reviewed one', async () => {
  await expect(svgErd(tables, { title: 'A <small> star' })).toMatchFileSnapshot('golden/erd.svg');
});

test('the SVG shows every table and column, escaped, and each table within the page and apart from the others', () => {
  const svg = svgErd(tables);
  for (const text of ['plays', 'song &quot;id&quot;', 'start_time', 'daily']) expect(svg).toContain(`>${text}</text>`);
  const [, width, height] = /viewBox="0 0 ([\d.]+) ([\d.]+)"/.exec(svg)!.map(Number);
  const boxes = [
    ...svg.matchAll(/translate\(([\d.]+) ([\d.]+)\)">\n<rect class="card" width="([\d.]+)" height="([\d.]+)"/g),
  ].map(([, x, y, w, h]) => ({ x: Number(x), y: Number(y), w: Number(w), h: Number(h) }));
  expect(boxes).toHaveLength(tables.length);
  for (const [i, a] of boxes.entries()) {
    expect(a.x + a.w).toBeLessThan(width!);
    expect(a.y + a.h).toBeLessThan(height!);
    for (const b of boxes.slice(i + 1)) {
      const apart = a.x + a.w < b.x || b.x + b.w < a.x || a.y + a.h < b.y || b.y + b.h < a.y;
      expect(apart).toBe(true);
    }
  }
});

test('a list without references is drawn as well, and an empty one is a page', () => {
  expect(svgErd([tables[3]!])).toContain('>daily</text>');
  expect(svgErd([])).toContain('<svg');
  expect(mermaidErd([])).toBe('erDiagram\n');
});

import type { StarTable } from '../pipeline/tables.ts';
import type { ErdReference } from './erd.ts';

export interface Point {
  readonly x: number;
  readonly y: number;
}

/** A table's place; coordinates in pixels, `y` grows downwards. */
export interface Box extends Point {
  readonly table: StarTable;
  readonly width: number;
  readonly height: number;
  readonly headHeight: number;
  readonly rowHeight: number;
  /** Above the first and below the last row. */
  readonly padding: number;
}

export interface Layout {
  readonly boxes: readonly Box[];
  readonly lines: readonly { readonly points: readonly Point[]; readonly optional: boolean }[];
  readonly width: number;
  readonly height: number;
}

const HEAD = 36;
const ROW = 24;
const PADDING = 6;
const MARGIN = 32;
const GUTTER = 116;
const GAP = 32;
/** Distance between the upright parts of two lines in one gutter. */
const LANE = 14;
/** Room beside the outer columns for lines between their own tables. */
const OUTSIDE = 44;

/**
 * Three columns: the facts in the middle, the other tables left and right of them, balanced by height and
 * near the rows that refer to them. Lines run at right angles in the gutters.
 */
export function layOut(tables: readonly StarTable[], references: readonly ErdReference[]): Layout {
  const facts = tables.filter((t) => t.kind === 'fact');
  const middle = facts.length > 0 ? facts : tables.filter((t) => references.some((r) => r.from === t && r.to !== t));
  const around = tables.filter((t) => !middle.includes(t));
  const byUse = [...around].sort((a, b) => firstUse(a, middle, references) - firstUse(b, middle, references));
  const [left, right] = split(byUse, references);
  const columns = middle.length === 0 ? grid(tables) : [left, middle, right].filter((c) => c.length > 0);

  const heights = columns.map((c) => c.reduce((sum, t) => sum + heightOf(t) + GAP, -GAP));
  const tallest = Math.max(...heights, 0);
  const boxes: Box[] = [];
  const within = (column: readonly StarTable[] | undefined): boolean =>
    column !== undefined && references.some((r) => r.from !== r.to && column.includes(r.from) && column.includes(r.to));
  let x = MARGIN + (columns.length > 1 && within(columns[0]) ? OUTSIDE : 0);
  for (const [i, column] of columns.entries()) {
    const width = Math.max(...column.map(widthOf));
    // Shorter columns are spread, so that lines stay short and the picture calm.
    const spread = column.length > 1 ? Math.min((tallest - heights[i]!) / (column.length - 1), GAP * 2) : 0;
    let y = MARGIN + (tallest - heights[i]! - spread * (column.length - 1)) / 2;
    for (const table of column) {
      const place = { x, y: Math.round(y), width, height: heightOf(table) };
      boxes.push({ table, ...place, headHeight: HEAD, rowHeight: ROW, padding: PADDING });
      y += heightOf(table) + GAP + spread;
    }
    x += width + GUTTER;
  }
  const width = x - GUTTER + MARGIN + (within(columns.at(-1)) ? OUTSIDE : 0);
  return { boxes, lines: route(boxes, references), width, height: tallest + 2 * MARGIN };
}

/** The row of the first fact's column that refers to the table. */
function firstUse(table: StarTable, middle: readonly StarTable[], references: readonly ErdReference[]): number {
  const uses = references.filter((r) => r.to === table && middle.includes(r.from));
  return Math.min(...uses.map((r) => r.from.columns.findIndex((c) => c.name === r.column)), Number.MAX_SAFE_INTEGER);
}

/**
 * Shares the tables out to two sides of about the same height. Those that refer to each other stay on one side, so that
 * their lines need not pass through the middle; within a side the order stays.
 */
function split(tables: readonly StarTable[], references: readonly ErdReference[]): readonly [StarTable[], StarTable[]] {
  const sides: [StarTable[], StarTable[]] = [[], []];
  const heights: [number, number] = [0, 0];
  const sized = groups(tables, references).map((group) => ({
    group,
    height: group.reduce((sum, t) => sum + heightOf(t) + GAP, 0),
  }));
  for (const { group, height } of sized.sort((a, b) => b.height - a.height)) {
    const side = heights[0] <= heights[1] ? 0 : 1;
    sides[side].push(...group);
    heights[side] += height;
  }
  for (const side of sides) side.sort((a, b) => tables.indexOf(a) - tables.indexOf(b));
  return sides;
}

/** The tables in groups that are connected by references. */
function groups(tables: readonly StarTable[], references: readonly ErdReference[]): readonly StarTable[][] {
  const result: StarTable[][] = [];
  for (const table of tables) {
    const near = result.filter((group) =>
      group.some((t) => references.some((r) => (r.from === t && r.to === table) || (r.to === t && r.from === table))),
    );
    for (const group of near) result.splice(result.indexOf(group), 1);
    result.push([...near.flat(), table]);
  }
  return result;
}

function grid(tables: readonly StarTable[]): readonly StarTable[][] {
  const columns: StarTable[][] = [[], [], []];
  for (const [i, table] of tables.entries()) columns[i % 3]!.push(table);
  return columns.filter((c) => c.length > 0);
}

function heightOf(table: StarTable): number {
  return HEAD + table.columns.length * ROW + 2 * PADDING;
}

/** Estimated from the number of characters, as no font is at hand; generous, so that no text overlaps. */
function widthOf(table: StarTable): number {
  const rows = table.columns.map((c) => 38 + c.name.length * 7.6 + 18 + (c.type.length + 1) * 7.2 + 14);
  return Math.ceil(Math.max(190, 14 + table.name.length * 9 + 76 + 14, ...rows) / 2) * 2;
}

interface Leg {
  readonly reference: ErdReference;
  readonly start: Point;
  readonly end: Point;
  readonly gutter: string;
  readonly outward: number;
  readonly inColumn: boolean;
}

function route(boxes: readonly Box[], references: readonly ErdReference[]): Layout['lines'] {
  const leftmost = Math.min(...boxes.map((b) => b.x));
  const rightmost = Math.max(...boxes.map((b) => b.x));
  const legs = references
    .filter((r) => r.from !== r.to)
    .map((reference): Leg => {
      const from = boxes.find((b) => b.table === reference.from)!;
      const to = boxes.find((b) => b.table === reference.to)!;
      // Between tables of one column the line runs along its outer side.
      const inColumn = to.x === from.x;
      const outer = from.x === leftmost && leftmost !== rightmost ? -1 : 1;
      const outward = inColumn ? outer : Math.sign(to.x - from.x);
      const start = { x: side(from, outward), y: rowCentre(from, reference.column) };
      const end = { x: side(to, inColumn ? outer : -outward), y: rowCentre(to, reference.toColumn) };
      return { reference, start, end, gutter: `${start.x}:${outward}`, outward, inColumn };
    });
  return legs.map((leg) => {
    const { start, end, outward, reference } = leg;
    const optional = reference.from.columns.find((c) => c.name === reference.column)?.nullable === true;
    if (start.y === end.y) return { points: [start, end], optional };
    const x = start.x + outward * (leg.inColumn ? OUTSIDE * 0.75 : GUTTER / 2 + laneOf(leg, legs));
    return { points: [start, { x, y: start.y }, { x, y: end.y }, end], optional };
  });
}

/** Lines that fall are ordered the other way round than lines that rise, so that no two of them cross. */
function laneOf(leg: Leg, legs: readonly Leg[]): number {
  const falls = (l: Leg): boolean => l.end.y > l.start.y;
  const same = legs.filter((l) => l.gutter === leg.gutter);
  const rank = (l: Leg): number => (falls(l) ? -l.start.y : l.start.y);
  const sorted = [...same].sort((a, b) => rank(a) - rank(b));
  const lanes = Math.min(LANE, (GUTTER - 56) / Math.max(1, same.length - 1));
  return Math.round((sorted.indexOf(leg) - (same.length - 1) / 2) * lanes);
}

function side(box: Box, direction: number): number {
  return direction > 0 ? box.x + box.width : box.x;
}

function rowCentre(box: Box, column: string): number {
  const index = Math.max(
    0,
    box.table.columns.findIndex((c) => c.name === column),
  );
  return box.y + box.headHeight + box.padding + index * box.rowHeight + box.rowHeight / 2;
}

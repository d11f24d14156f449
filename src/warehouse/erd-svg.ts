import type { StarTable } from '../pipeline/tables.ts';
import { type ErdReference, referencesOf } from './erd.ts';
import { type Box, layOut, type Point } from './erd-layout.ts';

/**
 * The star as a drawing: facts in the middle, what they refer to around them. One self-contained SVG that follows the
 * reader's light or dark setting; equal for equal tables.
 */
export function svgErd(tables: readonly StarTable[], options: { readonly title?: string } = {}): string {
  const references = referencesOf(tables);
  const { boxes, lines, width, height } = layOut(tables, references);
  const title = options.title ?? 'Star schema';
  const summary = tables.map((t) => `${t.name} (${t.columns.map((c) => c.name).join(', ')})`).join('; ');
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-labelledby="erd-title erd-desc">`,
    `<title id="erd-title">${escapeXml(title)}</title>`,
    `<desc id="erd-desc">${escapeXml(summary)}</desc>`,
    `<style>${STYLE}</style>`,
    `<rect class="page" width="${width}" height="${height}"/>`,
    ...lines.map(({ points, optional }) => drawLine(points, optional)),
    ...boxes.map((box) => drawBox(box, references)),
    '</svg>',
    '',
  ].join('\n');
}

// Colours are written out for each setting: drawing programs know no CSS variables.
const STYLE = `
svg{font-family:ui-sans-serif,system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif}
.name{fill:#fff;font-size:14px;font-weight:600}
.kind{fill:#fff;fill-opacity:.82;font-size:11px}
.column{font-size:12.5px}
.key{font-weight:600}
.type{font-size:11.5px;font-family:ui-monospace,"SF Mono",Menlo,"DejaVu Sans Mono",monospace}
.mark{font-size:9px;font-weight:700;letter-spacing:.4px}
.line,.foot{fill:none;stroke-width:1.4}
.dot{stroke-width:1.4}
.page{fill:#f7f8fa}.card{fill:#fff;stroke:#d3d8e0}.column{fill:#1d2330}.type,.mark{fill:#667085}
.rule{stroke:#eceef2}.line,.foot{stroke:#8490a5}.dot{fill:#f7f8fa;stroke:#8490a5}
.fact{fill:#4453c9}.dimension{fill:#17766b}.calendar{fill:#96591a}.sql{fill:#7b3f98}
@media(prefers-color-scheme:dark){
.page{fill:#12151b}.card{fill:#1b2029;stroke:#384152}.column{fill:#e8ebf1}.type,.mark{fill:#98a2b5}
.rule{stroke:#272d38}.line,.foot{stroke:#7c879e}.dot{fill:#12151b;stroke:#7c879e}
.fact{fill:#5563d6}.dimension{fill:#1d7f74}.calendar{fill:#a0651f}.sql{fill:#8a4ba8}
}
`.trim();

const CORNER = 8;

function drawBox(box: Box, references: readonly ErdReference[]): string {
  const { table, x, y, width, height, headHeight, rowHeight } = box;
  const kind = table.kind === 'sql' ? 'derived' : table.kind;
  const out = [
    `<g transform="translate(${x} ${y})">`,
    `<rect class="card" width="${width}" height="${height}" rx="${CORNER}"/>`,
    `<path class="${table.kind}" d="M0 ${headHeight}V${CORNER}a${CORNER} ${CORNER} 0 0 1 ${CORNER} -${CORNER}H${width - CORNER}a${CORNER} ${CORNER} 0 0 1 ${CORNER} ${CORNER}V${headHeight}z"/>`,
    `<text class="name" x="14" y="${headHeight / 2 + 5}">${escapeXml(table.name)}</text>`,
    `<text class="kind" x="${width - 14}" y="${headHeight / 2 + 4}" text-anchor="end">${kind}</text>`,
  ];
  for (const [i, column] of table.columns.entries()) {
    const top = headHeight + box.padding + i * rowHeight;
    const base = top + rowHeight / 2 + 4.5;
    const isKey = table.key.includes(column.name);
    const isReference = references.some((r) => r.from === table && r.column === column.name);
    const mark = isKey ? 'PK' : isReference ? 'FK' : '';
    if (i > 0) out.push(`<path class="rule" d="M14 ${top}H${width - 14}"/>`);
    if (mark !== '') out.push(`<text class="mark" x="14" y="${base - 0.5}">${mark}</text>`);
    const optional = column.nullable ? '?' : '';
    out.push(
      `<text class="column${isKey ? ' key' : ''}" x="38" y="${base}">${escapeXml(column.name)}</text>`,
      `<text class="type" x="${width - 14}" y="${base}" text-anchor="end">${column.type}${optional}</text>`,
    );
  }
  return [...out, '</g>'].join('\n');
}

/** From the many side (a crow's foot) to the one side (a bar, or a circle where the reference may be NULL). */
function drawLine(points: readonly Point[], optional: boolean): string {
  const [first, second] = points as [Point, Point];
  const last = points.at(-1)!;
  const before = points.at(-2)!;
  const out = Math.sign(second.x - first.x);
  const back = Math.sign(before.x - last.x);
  const foot = `M${first.x + 11 * out} ${first.y}L${first.x} ${first.y - 5}M${first.x + 11 * out} ${first.y}L${first.x} ${first.y + 5}`;
  const bar = `M${last.x + 8 * back} ${last.y - 5}V${last.y + 5}`;
  const circle = optional ? `<circle class="dot" cx="${last.x + 16 * back}" cy="${last.y}" r="4"/>` : '';
  return `<path class="line" d="${rounded(points)}"/><path class="foot" d="${foot}${bar}"/>${circle}`;
}

/** A path along the points with rounded corners. */
function rounded(points: readonly Point[]): string {
  let path = `M${points[0]!.x} ${points[0]!.y}`;
  for (let i = 1; i < points.length - 1; i++) {
    const [a, b, c] = [points[i - 1]!, points[i]!, points[i + 1]!];
    const radius = Math.min(10, distance(a, b) / 2, distance(b, c) / 2);
    const start = towards(b, a, radius);
    const end = towards(b, c, radius);
    path += `L${start.x} ${start.y}Q${b.x} ${b.y} ${end.x} ${end.y}`;
  }
  const last = points.at(-1)!;
  return `${path}L${last.x} ${last.y}`;
}

function distance(a: Point, b: Point): number {
  return Math.abs(a.x - b.x) + Math.abs(a.y - b.y);
}

function towards(from: Point, to: Point, by: number): Point {
  return { x: from.x + Math.sign(to.x - from.x) * by, y: from.y + Math.sign(to.y - from.y) * by };
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&apos;',
};

function escapeXml(text: string): string {
  return text.replace(/[&<>"']/g, (c) => ENTITIES[c]!);
}

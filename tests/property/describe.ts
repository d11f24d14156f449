/** Histories and differences as a person wants to read them in a failure. */
import { canonicalText, type Row } from './canonical.ts';
import type { History, Step } from './histories.ts';
import { kindOf } from './model.ts';
import { columnTypes, readEvent, readSong, STAR_COLUMNS, type TableName } from './reference.ts';

const at = (ms: number): string => new Date(ms).toISOString().replace('.000Z', 'Z').replace(':00Z', '');
const show = (cell: unknown): string => (typeof cell === 'string' ? JSON.stringify(cell) : String(cell));

function describeRecord(path: string, raw: string): string {
  if (kindOf(path) === 'events') {
    const e = readEvent(raw);
    const play = e.page === 'NextSong' ? `plays ${show(e.song)} by ${show(e.artist)} ${e.length}s` : e.page;
    return `${e.sessionId}/${e.item} ${at(e.ts)} user ${show(e.userId)} ${e.firstName} ${e.level} ${play} in ${show(e.location)} #${e.hash.slice(0, 4)}`;
  }
  const s = readSong(raw);
  return `${s.songId} ${show(s.title)} by ${s.artistId} ${show(s.artistName)} ${s.duration}s year ${s.year} at ${show(s.location)} ${show(s.latitude)},${show(s.longitude)} #${s.hash.slice(0, 4)}`;
}

function describeStep(step: Step): string {
  switch (step.do) {
    case 'write':
      return [`write ${step.path}`, ...step.records.map((r) => `      ${describeRecord(step.path, r)}`)].join('\n');
    case 'delete':
      return `delete ${step.path}`;
    case 'publish': {
      const when = step.interval ? `${at(step.interval.startMs)}/${at(step.interval.endMs)}` : 'all time';
      return `publish ${when}${step.prune ? ' prune' : ''}`;
    }
    default:
      return step.do;
  }
}

export function describeHistory(history: History): string {
  return [
    `match ${history.match}`,
    ...history.steps.map((s, i) => `${String(i + 1).padStart(4)} ${describeStep(s)}`),
  ].join('\n');
}

const MOST_ROWS = 5;

/** How two bags of rows differ, or undefined. Cells compare by their canonical text, so −0 equals 0 and 1 equals 1n. */
export function describeRows(table: TableName, actual: readonly Row[], expected: readonly Row[]): string | undefined {
  const types = columnTypes(table);
  const missing = new Map<string, Row[]>();
  for (const row of expected) {
    const text = canonicalText(row, types);
    missing.set(text, [...(missing.get(text) ?? []), row]);
  }
  const surplus = actual.filter((row) => missing.get(canonicalText(row, types))?.pop() === undefined);
  const lacking = [...missing.values()].flat();
  if (surplus.length === 0 && lacking.length === 0) return undefined;
  const lines = (sign: string, rows: readonly Row[]): string[] => [
    ...rows.slice(0, MOST_ROWS).map((row) => `  ${sign} ${row.map(show).join(' | ')}`),
    ...(rows.length > MOST_ROWS ? [`  ${sign} … ${rows.length - MOST_ROWS} more`] : []),
  ];
  return [
    `${table} differs: ${lacking.length} of ${expected.length} rows are missing (-), ${surplus.length} should not be (+)`,
    `    ${STAR_COLUMNS[table].map(([name]) => name).join(' | ')}`,
    ...lines('-', lacking),
    ...lines('+', surplus),
  ].join('\n');
}

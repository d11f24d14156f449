import type { ObjectKind } from './reference.ts';

export const LAYOUTS = 6;

function pretty(raw: string): string {
  // Re-indents without touching numbers or escapes, which a round trip through JSON.parse would change.
  let result = '';
  let inText = false;
  for (let i = 0; i < raw.length; i++) {
    const c = raw[i]!;
    if (inText && c === '\\') {
      result += c + raw[++i]!;
      continue;
    }
    if (c === '"') inText = !inText;
    if (inText) result += c;
    else if (c === '{') result += '{\n  ';
    else if (c === '}') result += '\n}';
    else if (c === ',') result += ',\n  ';
    else result += c === ':' ? ': ' : c;
  }
  return result;
}

/**
 * The text of an object with these records. Logs are lines (with or without a final newline, CRLF, blank lines, a byte
 * order mark); song files may also be pretty-printed values, values on one line, or an array.
 */
export function objectText(kind: ObjectKind, records: readonly string[], layout: number): string {
  if (records.length === 0) return '';
  const style = layout % LAYOUTS;
  if (style === 1) return `${records.join('\n')}\n`;
  if (style === 2) return `${records.join('\r\n\r\n')}\r\n`;
  if (kind === 'events') return style === 3 ? `\ufeff${records.join('\n')}` : records.join('\n');
  if (style === 3) return records.map(pretty).join('\n');
  if (style === 4) return `[${records.join(', ')}]`;
  // A second value on a line belongs to a line only where lines frame; here no line is one object by itself.
  if (style === 5 && records.length > 1) return records.join(' ');
  return records.join('\n');
}

/** The raw texts of the top-level values, or of the elements of a top-level array, in any of the layouts above. */
export function splitRecords(text: string): string[] {
  const records: string[] = [];
  let depth = 0;
  let start = 0;
  let inText = false;
  for (let i = 0; i < text.length; i++) {
    const c = text[i]!;
    if (inText) {
      if (c === '\\') i++;
      else if (c === '"') inText = false;
    } else if (c === '"') inText = true;
    else if (c === '{') {
      if (depth++ === 0) start = i;
    } else if (c === '}' && --depth === 0) records.push(text.slice(start, i + 1));
  }
  return records;
}

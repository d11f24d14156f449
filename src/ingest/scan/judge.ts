import type { RecordReader } from './record.ts';
import type { RecordFault } from './values.ts';

const BRACE = 0x7b;

/**
 * Judges the text `[start, end)` as exactly one record, whitespace around it aside: undefined when it is good and the
 * results stand in `reader`, else why it goes to quarantine. UTF-8 is the caller's concern.
 */
export function judgeRecord(reader: RecordReader, start: number, end: number): RecordFault | undefined {
  const { syntax } = reader;
  const { bytes } = syntax;
  syntax.end = end;
  if (bytes[start] !== BRACE) return strangeText(reader, start, end);
  const behind = reader.read(start);
  if (behind < 0) return syntaxFault(reader, start);
  const rest = syntax.space(behind);
  if (rest >= end) return reader.fault;
  if (onlyValues(reader, rest, end)) {
    return { reason: 'several_values_on_a_line', detail: `another value begins at byte ${rest - start + 1}` };
  }
  if (bytes.subarray(rest, end).includes(0)) return { reason: 'nul_character', detail: 'a NUL byte after the object' };
  return { reason: 'text_outside_json', detail: `text after the object, from byte ${rest - start + 1} on` };
}

/** The fault that `syntax` found in a record that begins at `start`. */
export function syntaxFault(reader: RecordReader, start: number): RecordFault {
  const fault = reader.syntax.fault!;
  return { reason: fault.reason, detail: `${fault.detail}, at byte ${fault.at - start + 1}` };
}

function strangeText(reader: RecordReader, start: number, end: number): RecordFault {
  const { syntax } = reader;
  const { bytes } = syntax;
  const behind = syntax.value(start, 0);
  if (behind >= 0) {
    const rest = syntax.space(behind);
    if (rest >= end) return { reason: 'not_an_object', detail: `${kindOf(bytes[start]!)} instead of an object` };
    if (onlyValues(reader, rest, end)) {
      return { reason: 'several_values_on_a_line', detail: `another value begins at byte ${rest - start + 1}` };
    }
  }
  const fault = behind < 0 ? syntaxFault(reader, start) : undefined;
  if (bytes.subarray(start, end).includes(0)) return { reason: 'nul_character', detail: 'a NUL byte' };
  const brace = bytes.indexOf(BRACE, start);
  if (brace >= 0 && brace < end && syntax.value(brace, 0) >= 0) {
    return { reason: 'text_outside_json', detail: `text before the object at byte ${brace - start + 1}` };
  }
  return fault ?? { reason: 'text_outside_json', detail: 'text after the value' };
}

/** Whether `[p, end)` holds nothing but JSON values, commas between them allowed. */
function onlyValues(reader: RecordReader, p: number, end: number): boolean {
  const { syntax } = reader;
  const { bytes } = syntax;
  while (p < end) {
    if (bytes[p] === 0x2c) p = syntax.space(p + 1);
    p = syntax.value(p, 0);
    if (p < 0) return false;
    p = syntax.space(p);
  }
  return true;
}

function kindOf(first: number): string {
  if (first === 0x5b) return 'an array';
  if (first === 0x22) return 'a text';
  return first === 0x6e ? 'null' : first === 0x74 || first === 0x66 ? 'a boolean' : 'a number';
}

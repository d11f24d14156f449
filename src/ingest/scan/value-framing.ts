import { isUtf8 } from 'node:buffer';
import { syntaxFault } from './judge.ts';
import type { RecordReader } from './record.ts';
import type { RecordSink } from './record-sink.ts';
import type { Shapes } from './shapes.ts';
import { MAX_RAW_BYTES, MAX_RECORD_BYTES } from './spec.ts';
import type { Tally } from './tally.ts';
import type { RecordFault } from './values.ts';

const NEWLINE = 0x0a;
const OPEN = 0x7b;
const CLOSE = 0x7d;

/**
 * The framing `json`: objects in any layout, one after the other or in arrays, which are exploded. What is no value
 * goes to quarantine up to where the next record plausibly begins: a line that begins with `{` and is indented no
 * deeper, or a `{` behind a `}` on the same line.
 */
export class ValueFraming {
  readonly #reader: RecordReader;
  readonly #shapes: Shapes;
  readonly #tally: Tally;
  readonly #sink: RecordSink;
  #line: number;
  #lineCountedTo = 0;
  /** Of the line that the current value begins on. */
  #indentation = 0;
  /** Where the open top-level array began. */
  #arrayLine: number | undefined;

  constructor(reader: RecordReader, shapes: Shapes, tally: Tally, sink: RecordSink, line: number) {
    this.#reader = reader;
    this.#shapes = shapes;
    this.#tally = tally;
    this.#sink = sink;
    this.#line = line;
  }

  /** Reads the values in `[from, to)`; gives where the first one begins that needs more bytes (never when `ended`). */
  scan(from: number, to: number, ended: boolean): number {
    const { syntax } = this.#reader;
    const { bytes } = syntax;
    this.#lineCountedTo = from;
    const clean = isUtf8(bytes.subarray(from, to));
    syntax.end = to;
    let p = from;
    for (;;) {
      syntax.end = to;
      p = syntax.space(p);
      this.#countLines(p);
      if (p >= to) break;
      const c = bytes[p]!;
      if (this.#arrayLine === undefined ? c === 0x5b : c === 0x5d || c === 0x2c) {
        this.#arrayLine = c === 0x5b ? this.#line : c === 0x5d ? undefined : this.#arrayLine;
        p++;
        continue;
      }
      const next = c === OPEN ? this.#record(p, to, ended, clean) : this.#otherValue(p, to, ended);
      if (next < 0) return p;
      p = next;
    }
    if (ended && this.#arrayLine !== undefined) {
      this.#tally.reject(
        this.#arrayLine,
        'malformed_json',
        'the array that begins here is not closed',
        Buffer.from('['),
      );
    }
    return p;
  }

  #record(p: number, to: number, ended: boolean, clean: boolean): number {
    const { syntax } = this.#reader;
    const { bytes } = syntax;
    const shape = clean ? this.#shapes.current : undefined;
    const quick = shape?.match(p);
    if (shape !== undefined && quick !== undefined && quick.end - p <= MAX_RECORD_BYTES) {
      this.#tally.at(this.#line);
      this.#tally.staged++;
      shape.records++;
      if (!Number.isNaN(quick.eventMs)) this.#tally.event(quick.eventMs);
      this.#commit();
      return quick.end;
    }
    syntax.end = to;
    const end = this.#reader.read(p);
    if (end < 0) {
      if (syntax.incomplete && !ended && to - p <= MAX_RAW_BYTES) return -1;
      const large = to - p > MAX_RECORD_BYTES && syntax.incomplete;
      const fault: RecordFault = large
        ? { reason: 'object_too_large', detail: `more than ${MAX_RECORD_BYTES} bytes` }
        : syntaxFault(this.#reader, p);
      return this.#passOver(p, Math.min(syntax.fault!.at, to), to, ended, fault);
    }
    const raw = bytes.subarray(p, end);
    if (raw.length > MAX_RECORD_BYTES) {
      this.#tally.reject(this.#line, 'object_too_large', `${raw.length} bytes, the limit is ${MAX_RECORD_BYTES}`, raw);
    } else if (!clean && !isUtf8(raw)) {
      this.#tally.reject(this.#line, 'invalid_utf8', 'the bytes are no UTF-8', raw);
    } else if (this.#reader.fault !== undefined) {
      const { reason, detail, column } = this.#reader.fault;
      this.#tally.reject(this.#line, reason, detail, raw, column);
    } else {
      this.#tally.at(this.#line);
      this.#tally.take(this.#reader);
      this.#reader.store(this.#sink.columns);
      this.#commit();
      this.#shapes.settle(this.#reader, this.#tally, p, end);
    }
    return end;
  }

  #commit(): void {
    if (this.#sink.columns.commit()) this.#sink.flush();
  }

  #otherValue(p: number, to: number, ended: boolean): number {
    const { syntax } = this.#reader;
    const { bytes } = syntax;
    const end = syntax.value(p, 0);
    // A number at the end of the window may go on behind it.
    const open = end < 0 ? syntax.incomplete : end === to;
    if (open && !ended && to - p <= MAX_RAW_BYTES) return -1;
    if (end >= 0) {
      const raw = bytes.subarray(p, end);
      const reason = isUtf8(raw) ? 'not_an_object' : 'invalid_utf8';
      this.#tally.reject(this.#line, reason, 'a value that is no object', raw);
      return end;
    }
    const fault = syntaxFault(this.#reader, p);
    const text = bytes[p] === 0x5b || bytes[p] === 0x22 || fault.reason === 'nul_character';
    const outside: RecordFault = { reason: 'text_outside_json', detail: 'text that is no JSON' };
    return this.#passOver(p, p, to, ended, text ? fault : outside);
  }

  /** Puts everything from `p` up to the next plausible record into quarantine; −1 when that may lie behind `to`. */
  #passOver(p: number, faultAt: number, to: number, ended: boolean, fault: RecordFault): number {
    const { bytes } = this.#reader.syntax;
    const found = this.#nextRecord(p, faultAt, to);
    if (found < 0 && !ended && to - p <= MAX_RAW_BYTES) return -1;
    const next = found < 0 ? to : found;
    let end = next;
    while (end > p + 1 && bytes[end - 1]! <= 0x20 && bytes[end - 1] !== 0) end--;
    const raw = bytes.subarray(p, Math.min(end, p + MAX_RAW_BYTES));
    const known = isUtf8(raw) ? fault : { reason: 'invalid_utf8' as const, detail: 'the bytes are no UTF-8' };
    this.#tally.reject(this.#line, known.reason, known.detail, raw, known.column);
    return next;
  }

  #nextRecord(p: number, faultAt: number, to: number): number {
    const { bytes } = this.#reader.syntax;
    const firstEnd = bytes.indexOf(NEWLINE, p);
    const lineEnd = firstEnd < 0 || firstEnd > to ? to : firstEnd;
    if (faultAt < lineEnd) {
      let brace = bytes.indexOf(CLOSE, faultAt);
      while (brace >= 0 && brace < lineEnd) {
        let next = brace + 1;
        while (next < lineEnd && (bytes[next] === 0x20 || bytes[next] === 0x2c || bytes[next] === 0x09)) next++;
        if (next < lineEnd && bytes[next] === OPEN) return next;
        brace = bytes.indexOf(CLOSE, brace + 1);
      }
    }
    for (let line = lineEnd + 1; line < to; ) {
      const indent = indentationOf(bytes, line, to);
      if (indent <= this.#indentation && bytes[line + indent] === OPEN) return line + indent;
      const end = bytes.indexOf(NEWLINE, line);
      if (end < 0 || end >= to) break;
      line = end + 1;
    }
    return -1;
  }

  #countLines(to: number): void {
    const { bytes } = this.#reader.syntax;
    for (let p = this.#lineCountedTo; p < to; p++) {
      if (bytes[p] !== NEWLINE) continue;
      this.#line++;
      this.#indentation = indentationOf(bytes, p + 1, to);
    }
    this.#lineCountedTo = to;
  }
}

function indentationOf(bytes: Buffer, line: number, to: number): number {
  let p = line;
  while (p < to && (bytes[p] === 0x20 || bytes[p] === 0x09)) p++;
  return p - line;
}

import { isUtf8 } from 'node:buffer';
import type { Kernel } from '../kernel/kernel.ts';
import { judgeRecord } from './judge.ts';
import { RecordReader } from './record.ts';
import type { RecordSink } from './record-sink.ts';
import { Shapes } from './shapes.ts';
import { MAX_RAW_BYTES, MAX_RECORD_BYTES, type ScanSpec } from './spec.ts';
import type { JsonSyntax } from './syntax.ts';
import { type ObjectTotals, Tally } from './tally.ts';
import { ValueFraming } from './value-framing.ts';

/** `auto` looks at so many lines that are not blank. */
const SAMPLE_LINES = 100;

const NEWLINE = 0x0a;
const RETURN = 0x0d;

/**
 * Certifies the records of one object after the other into the columns of a sink. `begin`, then fill `space()` and call
 * `advance` until the object ends, then `finish`. Bytes wait in a window that moves over the object: what a call of `advance` cannot
 * finish (an incomplete line or value) stays for the next one. States: `start` (a byte order mark may come) →
 * `undecided` (framing `auto`) → `lines` or `values`.
 */
export class ObjectScanner {
  readonly #spec: ScanSpec;
  readonly #syntax: JsonSyntax;
  readonly #reader: RecordReader;
  readonly #shapes: Shapes;
  /** Has the window. */
  readonly #kernel: Kernel;
  readonly #firstCapacity: number;
  /** The window's space when nothing is in it. */
  #empty: Buffer;
  /** What is not consumed yet: `[#from, #to)`. */
  #from = 0;
  #to = 0;
  #line = 1;
  #state: 'start' | 'undecided' | 'lines' | 'values' = 'start';
  /** Inside a line that is too long to be kept; its first part waits in quarantine already. */
  #skippingLine = false;
  #values: ValueFraming | undefined;
  #tally: Tally;
  readonly #sink: RecordSink;

  constructor(spec: ScanSpec, sink: RecordSink) {
    this.#spec = spec;
    this.#sink = sink;
    this.#kernel = sink.columns.kernel;
    this.#firstCapacity = this.#kernel.capacity;
    this.#syntax = this.#kernel.syntax;
    this.#empty = this.#bytes.subarray(0, this.#kernel.capacity);
    this.#reader = new RecordReader(spec, this.#syntax);
    this.#shapes = new Shapes(spec, sink.columns);
    this.#tally = new Tally(spec);
  }

  begin(): void {
    this.#tally = new Tally(this.#spec);
    this.#from = 0;
    this.#to = 0;
    this.#line = 1;
    this.#state = 'start';
    this.#skippingLine = false;
    this.#values = undefined;
  }

  get #bytes(): Buffer {
    return this.#syntax.bytes;
  }

  /** Room for the next bytes of the object, never empty. */
  space(): Buffer {
    const kept = this.#to - this.#from;
    const { capacity } = this.#kernel;
    if (kept > capacity / 2) {
      this.#kernel.resize(capacity * 2, this.#from, this.#to);
      this.#empty = this.#bytes.subarray(0, this.#kernel.capacity);
    } else if (this.#from > 0) this.#bytes.copyWithin(0, this.#from, this.#to);
    this.#from = 0;
    this.#to = kept;
    // A view made once: with very many objects, making one is what one waits for.
    return kept === 0 ? this.#empty : this.#empty.subarray(kept);
  }

  /** Takes the first `count` bytes of the last `space()`. */
  advance(count: number): void {
    this.#to += count;
    this.#scan(false);
  }

  finish(): ObjectTotals {
    this.#scan(true);
    for (const shape of this.#shapes.all) this.#tally.shape(shape);
    if (this.#kernel.capacity > 4 * this.#firstCapacity) {
      this.#kernel.resize(this.#firstCapacity, 0, 0);
      this.#empty = this.#bytes.subarray(0, this.#firstCapacity);
    }
    return this.#tally.totals();
  }

  #scan(ended: boolean): void {
    this.#bytes[this.#to] = 0;
    if (this.#state === 'start') {
      if (this.#to - this.#from < 3 && !ended) return;
      const { framing } = this.#spec;
      this.#state = framing === 'auto' ? 'undecided' : framing === 'ndjson' ? 'lines' : 'values';
      const [a, b, c] = this.#bytes.subarray(this.#from, this.#to);
      if (a === 0xef && b === 0xbb && c === 0xbf) this.#from += 3;
    }
    if (this.#state === 'undecided') this.#decide(ended);
    if (this.#state === 'lines') this.#scanLines(ended);
    if (this.#state === 'values') {
      this.#values ??= new ValueFraming(this.#reader, this.#shapes, this.#tally, this.#sink, this.#line);
      this.#from = this.#values.scan(this.#from, this.#to, ended);
    }
  }

  /** Framing `auto`: lines, if any of the first ones is a complete object by itself. */
  #decide(ended: boolean): void {
    const bytes = this.#bytes;
    let p = this.#from;
    for (let seen = 0; seen < SAMPLE_LINES && p < this.#to; ) {
      let end = bytes.subarray(0, this.#to).indexOf(NEWLINE, p);
      if (end < 0) {
        if (!ended && this.#to - this.#from < MAX_RAW_BYTES) return;
        end = this.#to;
      }
      this.#syntax.end = end;
      const first = this.#syntax.space(p);
      if (first < end) {
        seen++;
        const behind = bytes[first] === 0x7b ? this.#syntax.object(first, 0) : -1;
        if (behind >= 0 && this.#syntax.space(behind) >= end) {
          this.#state = 'lines';
          return;
        }
      }
      p = end + 1;
      if (seen >= SAMPLE_LINES) this.#state = 'values';
    }
    if (ended || this.#to - this.#from >= MAX_RAW_BYTES) this.#state = 'values';
  }

  #scanLines(ended: boolean): void {
    if (this.#skippingLine && !this.#skipLine()) return;
    const bytes = this.#bytes;
    let limit = this.#to;
    if (!ended) {
      limit = bytes.lastIndexOf(NEWLINE, this.#to - 1) + 1;
      if (limit <= this.#from) {
        if (this.#to - this.#from > MAX_RAW_BYTES) this.#cutLine();
        return;
      }
    }
    if (this.#from < limit) this.#from = this.#certifyLines(this.#from, limit);
  }

  /** Certifies the lines in `[p, limit)`, of which only the last may lack its line end; gives `limit`. */
  #certifyLines(p: number, limit: number): number {
    const bytes = this.#bytes;
    const sink = this.#sink;
    const clean = isUtf8(bytes.subarray(p, limit));
    while (p < limit) {
      const shape = this.#shapes.current;
      const known = clean ? limit : this.#cleanTo(p, limit);
      if (shape !== undefined && known > p) {
        this.#syntax.end = known;
        const taken = shape.matchLines(p, known);
        if (taken.records > 0) {
          this.#tally.takeLines(shape, taken, this.#line);
          this.#line += taken.records;
          if (sink.columns.commit(taken.records)) sink.flush();
          p = taken.end;
          continue;
        }
      }
      let end = bytes.indexOf(NEWLINE, p);
      if (end < 0 || end > limit) end = limit;
      const next = end < limit ? end + 1 : limit;
      this.#closerLook(p, end, clean);
      this.#line++;
      p = next;
    }
    return limit;
  }

  /** The position behind the line that begins at `from`, or `from` when it is no UTF-8. */
  #cleanTo(from: number, limit: number): number {
    const newline = this.#bytes.indexOf(NEWLINE, from);
    const end = newline < 0 || newline >= limit ? limit : newline + 1;
    return isUtf8(this.#bytes.subarray(from, end)) ? end : from;
  }

  /** Judges one line in full. */
  #closerLook(from: number, to: number, clean: boolean): void {
    const bytes = this.#bytes;
    if (to > from && bytes[to - 1] === RETURN) to--;
    this.#syntax.end = to;
    const start = this.#syntax.space(from);
    if (start === to) return;
    const raw = bytes.subarray(from, to);
    if (raw.length > MAX_RECORD_BYTES) {
      this.#reject(raw);
      return;
    }
    if (!clean && !isUtf8(raw)) {
      this.#tally.reject(this.#line, 'invalid_utf8', 'the bytes are no UTF-8', raw);
      return;
    }
    const fault = judgeRecord(this.#reader, start, to);
    if (fault !== undefined) {
      this.#tally.reject(this.#line, fault.reason, fault.detail, raw, fault.column);
      return;
    }
    this.#tally.at(this.#line);
    this.#tally.take(this.#reader);
    const { columns } = this.#sink;
    this.#reader.store(columns);
    if (columns.commit()) this.#sink.flush();
    this.#shapes.settle(this.#reader, this.#tally, start, to);
  }

  /** The line is longer than what is kept: its beginning goes to quarantine, the rest is passed over. */
  #cutLine(): void {
    this.#reject(this.#bytes.subarray(this.#from, this.#to));
    this.#skippingLine = true;
    this.#from = this.#to;
  }

  #reject(line: Buffer): void {
    const kept = line.subarray(0, MAX_RAW_BYTES);
    const cut = kept.length < line.length ? `; the first ${kept.length} are kept` : '';
    const detail = `at least ${line.length} bytes, the limit is ${MAX_RECORD_BYTES}${cut}`;
    this.#tally.reject(this.#line, 'object_too_large', detail, kept);
  }

  #skipLine(): boolean {
    const end = this.#bytes.subarray(0, this.#to).indexOf(NEWLINE, this.#from);
    this.#from = end < 0 ? this.#to : end + 1;
    if (end < 0) return false;
    this.#skippingLine = false;
    this.#line++;
    return true;
  }
}

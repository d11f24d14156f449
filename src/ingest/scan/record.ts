import type { RecordColumns } from '../columns/record-columns.ts';
import type { ScanColumn, ScanSpec } from './spec.ts';
import type { JsonSyntax } from './syntax.ts';
import { type Certified, certify, isFault, type RecordFault } from './values.ts';

const LETTER_N = 0x6e;
const LETTER_T = 0x74;

/** A field of the top level that some column wants. */
interface Wanted {
  readonly columns: readonly number[];
  seenIn: number;
  start: number;
  end: number;
}

/**
 * Reads one record completely and judges every column; the exact and slow way, which the fast path falls back to.
 * The results of `read` stand in the fields until the next one.
 */
export class RecordReader {
  readonly syntax: JsonSyntax;
  /** Set when the object is well-formed JSON and yet not taken. */
  fault: RecordFault | undefined;
  eventMs = Number.NaN;
  /** Fields that no column wants. */
  unknown: string[] = [];
  /** Optional columns that are absent. */
  missing: number[] = [];
  readonly #spec: ScanSpec;
  readonly #wanted = new Map<string, Wanted>();
  readonly #starts: Int32Array;
  readonly #certified: Certified[] = [];
  readonly #names = new Set<string>();
  #number = 0;
  #duplicate: string | undefined;

  constructor(spec: ScanSpec, syntax: JsonSyntax) {
    this.#spec = spec;
    this.syntax = syntax;
    this.#starts = new Int32Array(spec.columns.length);
    for (const [i, column] of spec.columns.entries()) {
      const name = String(column.path[0]);
      const columns = [...(this.#wanted.get(name)?.columns ?? []), i];
      this.#wanted.set(name, { columns, seenIn: 0, start: 0, end: 0 });
    }
  }

  /** Reads the object whose `{` is at `p`: the position behind it, or −1 with the fault in `syntax`. */
  read(p: number): number {
    this.#number++;
    this.#duplicate = undefined;
    this.#names.clear();
    this.unknown = [];
    this.missing = [];
    this.fault = undefined;
    this.eventMs = Number.NaN;
    const end = this.syntax.object(p, 0, this.#field);
    if (end < 0) return -1;
    if (this.#duplicate !== undefined) {
      this.fault = { reason: 'duplicate_field', detail: `the field ${JSON.stringify(this.#duplicate)} comes twice` };
      return end;
    }
    for (const [i, column] of this.#spec.columns.entries()) {
      this.#judge(i, column);
      if (this.fault !== undefined) break;
    }
    return end;
  }

  readonly #field = (key: number, keyEnd: number, value: number, valueEnd: number): void => {
    const { bytes } = this.syntax;
    let name = bytes.toString('utf8', key + 1, keyEnd - 1);
    if (name.includes('\\')) name = JSON.parse(bytes.toString('utf8', key, keyEnd)) as string;
    const wanted = this.#wanted.get(name);
    if (wanted === undefined) {
      if (this.#names.has(name)) this.#duplicate ??= name;
      this.#names.add(name);
      this.unknown.push(name);
      return;
    }
    if (wanted.seenIn === this.#number) this.#duplicate ??= name;
    wanted.seenIn = this.#number;
    wanted.start = value;
    wanted.end = valueEnd;
  };

  #judge(i: number, column: ScanColumn): void {
    const { bytes } = this.syntax;
    const wanted = this.#wanted.get(String(column.path[0]))!;
    this.#starts[i] = -1;
    let found = wanted.seenIn === this.#number;
    let start = wanted.start;
    let end = wanted.end;
    for (let step = 1; found && step < column.path.length; step++) {
      const span = this.#step(start, column.path[step]!);
      if (this.fault !== undefined) return;
      found = span !== undefined;
      if (span !== undefined) [start, end] = span;
    }
    if (!found || bytes[start] === LETTER_N) {
      if (column.required) {
        const detail = `${column.path.join('.')} is ${found ? 'null' : 'missing'}`;
        this.fault = { reason: 'missing_field', column: column.name, detail };
      } else if (!found) this.missing.push(i);
      return;
    }
    const result = certify(column, bytes, start, end);
    if (isFault(result)) {
      this.fault = result;
      return;
    }
    this.#starts[i] = start;
    this.#certified[i] = result;
    if (i === this.#spec.eventColumn && result.integer !== undefined) this.eventMs = Number(result.integer);
  }

  /** Where a path leads one level down from the value at `p`; undefined when it leads nowhere. */
  #step(p: number, step: string | number): readonly [number, number] | undefined {
    const { bytes, syntax } = this;
    let span: [number, number] | undefined;
    if (typeof step === 'string') {
      if (bytes[p] !== 0x7b) return undefined;
      syntax.object(p, 0, (key, keyEnd, value, valueEnd) => {
        if (JSON.parse(bytes.toString('utf8', key, keyEnd)) !== step) return;
        if (span !== undefined) {
          this.fault = { reason: 'duplicate_field', detail: `the field ${JSON.stringify(step)} comes twice` };
        }
        span = [value, valueEnd];
      });
      return span;
    }
    if (bytes[p] !== 0x5b) return undefined;
    p = syntax.space(p + 1);
    for (let i = 0; bytes[p] !== 0x5d; i++) {
      const end = syntax.value(p, 0);
      if (i === step) return [p, end];
      p = syntax.space(end);
      if (bytes[p] === 0x2c) p = syntax.space(p + 1);
    }
    return undefined;
  }

  private get bytes(): Buffer {
    return this.syntax.bytes;
  }

  /** Sets the values of the record at the current row; only after a `read` that found no fault. */
  store(columns: RecordColumns): void {
    const { bytes } = this.syntax;
    const { row } = columns;
    for (const [i, column] of columns.columns.entries()) {
      const start = this.#starts[i]!;
      if (start < 0) {
        column.setNull(row);
        continue;
      }
      const { integer, double } = this.#certified[i]!;
      switch (column.type) {
        case 'text':
          column.take(start, row);
          break;
        case 'boolean':
          column.set(row, bytes[start] === LETTER_T);
          break;
        case 'integer':
          column.set(row, integer!);
          break;
        case 'double':
          column.set(row, double!);
      }
    }
  }
}

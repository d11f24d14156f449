import { JsonSyntax } from '../scan/syntax.ts';
import { CODE } from './code.ts';

/** As much of the global as is needed; Node's types leave it to the browser's. */
declare const WebAssembly: {
  Module: new (code: Uint8Array) => object;
  Instance: new (module: object, imports: object) => { readonly exports: object };
};

/** Bytes behind the window's text that may be looked at. */
const SLACK_BYTES = 32;
/** Large enough that calls do not count, small enough to stay in the processor's cache. */
const WINDOW_BYTES = 512 * 1024;
/** What a call gives besides its value stands in so many doubles. */
const RESULTS = 16;

/** A column's values in their Parquet encoding; what is in `page` and `dictionary` is good until the next encoding. */
export interface Encoded {
  readonly encoding: number;
  /** Of the dictionary; 0 without one. */
  readonly entries: number;
  readonly nulls: number;
  /** Definition levels and values. */
  readonly page: Uint8Array;
  readonly dictionary: Uint8Array;
  /** Of numbers; undefined without a value. */
  readonly extremes?: { readonly least: number | bigint; readonly greatest: number | bigint } | undefined;
}

/** What lines of one shape gave. */
export interface TakenLines {
  /** The position behind them. */
  readonly end: number;
  readonly records: number;
  /** Of their event times; ±Infinity without any. */
  readonly minEventMs: number;
  readonly maxEventMs: number;
}

/** The functions of `kernel/index.ts`. Places are addresses in the memory; 0 stands for "no". */
interface Functions {
  readonly memory: { readonly buffer: SharedArrayBuffer };
  alloc(bytes: number): number;
  free(at: number): void;
  results(): number;
  newTextColumn(rows: number): number;
  clearText(column: number): void;
  heldBytes(): number;
  takeText(column: number, p: number, row: number): number;
  matchRecord(shape: number, p: number, row: number): number;
  matchLines(
    shape: number,
    p: number,
    limit: number,
    row: number,
    rows: number,
    maxHeld: number,
    maxBytes: number,
  ): number;
  prepareEncoder(rows: number): void;
  encodeText(column: number, rows: number): void;
  encodeInteger(values: number, rows: number): number;
  encodeDouble(values: number, rows: number): void;
  encodeBoolean(values: number, rows: number): void;
}

/**
 * The inner loops of scan and encoding, in WebAssembly, with the memory they work on: a window of text, the columns of one
 * row group, their encoding. Positions are those of the window's bytes, as `syntax` has them.
 */
export class Kernel {
  /** Reads the window's text. Its bytes are replaced when the window gets another size, at no other time. */
  readonly syntax: JsonSyntax;
  readonly #functions: Functions;
  readonly #results: number;
  /** Where the window begins. */
  #window: number;
  #capacity = WINDOW_BYTES;

  /** @param rows of a row group at most */
  constructor(rows: number) {
    const host = {
      skipValue: (p: number, oneLine: number) => this.#skipValue(p - this.#window, oneLine !== 0),
      parseDouble: (start: number, end: number) =>
        Number(this.syntax.bytes.toString('latin1', start - this.#window, end - this.#window)),
    };
    const module = new WebAssembly.Module(Buffer.from(CODE, 'base64'));
    this.#functions = new WebAssembly.Instance(module, { host }).exports as Functions;
    this.#results = this.#functions.results();
    this.#functions.prepareEncoder(rows);
    this.#window = this.alloc(WINDOW_BYTES + SLACK_BYTES);
    this.syntax = new JsonSyntax(this.#windowBytes());
  }

  /** Text that fits into the window. */
  get capacity(): number {
    return this.#capacity;
  }

  /** Gives the window room for so much text; what is at `[from, to)` stands at its beginning then. */
  resize(capacity: number, from: number, to: number): void {
    const before = this.#window;
    const { bytes } = this.syntax;
    this.#capacity = capacity;
    this.#window = this.alloc(this.#capacity + SLACK_BYTES);
    const after = this.#windowBytes();
    bytes.copy(after, 0, from, to);
    this.syntax.use(after);
    this.#functions.free(before);
  }

  #windowBytes(): Buffer {
    return this.bytes(this.#window, this.#capacity + SLACK_BYTES);
  }

  #skipValue(p: number, oneLine: boolean): number {
    const { syntax } = this;
    const end = syntax.value(p, 1);
    if (end < 0) return 0;
    const { bytes } = syntax;
    const structured = bytes[p] === 0x7b || bytes[p] === 0x5b;
    if (oneLine && structured && bytes.subarray(p, end).includes(0x0a)) return 0;
    return end + this.#window;
  }

  alloc(bytes: number): number {
    return this.#functions.alloc(bytes);
  }

  free(at: number): void {
    this.#functions.free(at);
  }

  /** A view of the memory; what is there moves only where a function says so. */
  bytes(at: number, length: number): Buffer {
    return Buffer.from(this.#functions.memory.buffer, at, length);
  }

  int32s(at: number, length: number): Int32Array {
    return new Int32Array(this.#functions.memory.buffer, at, length);
  }

  doubles(at: number, length: number): Float64Array {
    return new Float64Array(this.#functions.memory.buffer, at, length);
  }

  newTextColumn(rows: number): number {
    return this.#functions.newTextColumn(rows);
  }

  clearText(column: number): void {
    this.#functions.clearText(column);
  }

  /** Bytes of distinct spellings, of all text columns together. */
  get heldBytes(): number {
    return this.#functions.heldBytes();
  }

  /** Takes the text at `p` as the value of `row`: the position behind it, or −1 when it is none, or not a good one. */
  takeText(column: number, p: number, row: number): number {
    return this.#functions.takeText(column, p + this.#window, row) - this.#window;
  }

  /**
   * The position behind the record at `p` when it is of the shape and every value plainly valid, and its event time (NaN
   * for none); undefined when it needs a closer look.
   */
  matchRecord(shape: number, p: number, row: number): { readonly end: number; readonly eventMs: number } | undefined {
    const end = this.#functions.matchRecord(shape, p + this.#window, row);
    if (end === 0) return undefined;
    return { end: end - this.#window, eventMs: this.doubles(this.#results, RESULTS)[0]! };
  }

  /**
   * Takes lines of the shape from `p` on into the rows from `row` on, until `limit`, a line that needs a closer look or
   * is longer than `maxBytes`, all `rows` taken or more than `maxHeld` bytes of distinct spellings.
   */
  matchLines(
    shape: number,
    span: { readonly p: number; readonly limit: number; readonly maxBytes: number },
    room: { readonly row: number; readonly rows: number; readonly maxHeld: number },
  ): TakenLines {
    const { row, rows, maxHeld } = room;
    const [p, limit] = [span.p + this.#window, span.limit + this.#window];
    const end = this.#functions.matchLines(shape, p, limit, row, rows, maxHeld, span.maxBytes);
    const results = this.doubles(this.#results, RESULTS);
    return { end: end - this.#window, records: results[0]!, minEventMs: results[1]!, maxEventMs: results[2]! };
  }

  encodeText(column: number, rows: number): Encoded {
    this.#functions.encodeText(column, rows);
    return this.#encoded();
  }

  /** Integers as doubles. Not `small`: they are too large for deltas, and only the levels are in the page. */
  encodeInteger(values: number, rows: number): Encoded & { readonly small: boolean } {
    const small = this.#functions.encodeInteger(values, rows) !== 0;
    return { ...this.#encodedNumbers(rows), small };
  }

  encodeDouble(values: number, rows: number): Encoded {
    this.#functions.encodeDouble(values, rows);
    return this.#encodedNumbers(rows);
  }

  encodeBoolean(values: number, rows: number): Encoded {
    this.#functions.encodeBoolean(values, rows);
    return this.#encoded();
  }

  #encoded(): Encoded {
    const results = this.doubles(this.#results, RESULTS);
    return {
      encoding: results[0]!,
      entries: results[1]!,
      nulls: results[2]!,
      page: this.bytes(results[3]!, results[4]!),
      dictionary: this.bytes(results[5]!, results[6]!),
    };
  }

  #encodedNumbers(rows: number): Encoded {
    const encoded = this.#encoded();
    const results = this.doubles(this.#results, RESULTS);
    return encoded.nulls === rows ? encoded : { ...encoded, extremes: { least: results[7]!, greatest: results[8]! } };
  }
}

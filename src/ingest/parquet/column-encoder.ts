import type { BooleanColumn } from '../columns/boolean-column.ts';
import type { DoubleColumn } from '../columns/double-column.ts';
import type { IntegerColumn } from '../columns/integer-column.ts';
import type { RecordColumn } from '../columns/record-columns.ts';
import type { TextColumn } from '../columns/text-column.ts';
import { bitWidth, packBits, putPackedRun, putRepeatedRun } from './bit-packing.ts';
import { ByteSink } from './byte-sink.ts';
import { MAX_DELTA_VALUE, putDeltas } from './delta.ts';
import { DoubleDictionary } from './double-dictionary.ts';
import { type ColumnChunk, ENCODING } from './format.ts';
import { putDataPage, putDictionaryPage, putLevels } from './pages.ts';

/** A dictionary pays when its entries are not more than this share of the values. */
const DICTIONARY_SHARE = 0.5;

type Extremes = Pick<ColumnChunk, 'min' | 'max'>;
const NO_EXTREMES: Extremes = { min: undefined, max: undefined };

/** Encodes the columns of row groups, one after the other; holds the memory it needs for that. */
export class ColumnEncoder {
  /** Per row, whether there is a value. */
  readonly #present: Int32Array;
  /** The values (or their numbers in the dictionary) without the nulls. */
  readonly #ids: Int32Array;
  readonly #numbers: Float64Array;
  readonly #page = new ByteSink(1024 * 1024);
  readonly #dictionary = new ByteSink(256 * 1024);
  readonly #doubles = new DoubleDictionary();

  constructor(rows: number) {
    this.#present = new Int32Array(rows);
    this.#ids = new Int32Array(rows);
    this.#numbers = new Float64Array(rows);
  }

  /** Puts the first `rows` values of a column: at most a dictionary page, and one data page. */
  encode(out: ByteSink, column: RecordColumn, rows: number): ColumnChunk {
    const start = out.length;
    this.#page.clear();
    this.#dictionary.clear();
    let filled: Filled;
    switch (column.type) {
      case 'text':
        filled = this.#text(column, rows);
        break;
      case 'integer':
        filled = this.#integer(column, rows);
        break;
      case 'double':
        filled = this.#double(column, rows);
        break;
      case 'boolean':
        filled = this.#boolean(column, rows);
        break;
    }
    const { encoding, entries, nulls, extremes } = filled;
    if (entries > 0) {
      putDictionaryPage(out, { content: this.#dictionary.content(), encoding: ENCODING.plain, values: entries });
    }
    const dictionaryBytes = out.length - start;
    putDataPage(out, { content: this.#page.content(), encoding, values: rows });
    return {
      offset: start,
      sizeBytes: out.length - start,
      dictionaryBytes,
      encoding,
      nulls,
      ...extremes,
    };
  }

  #text(column: TextColumn, rows: number): Filled {
    const present = this.#present;
    const ids = this.#ids;
    let count = 0;
    for (let row = 0; row < rows; row++) {
      const id = column.ids[row]!;
      present[row] = id === 0 ? 0 : 1;
      // Written for a null too, and then overwritten: cheaper than a branch.
      ids[count] = id - 1;
      if (id !== 0) count++;
    }
    const nulls = rows - count;
    putLevels(this.#page, present, rows, nulls);
    if (count === 0 || column.count > count * DICTIONARY_SHARE) {
      for (let i = 0; i < count; i++) putText(this.#page, column.value(ids[i]! + 1));
      return { encoding: ENCODING.plain, entries: 0, nulls, extremes: NO_EXTREMES };
    }
    for (let id = 1; id <= column.count; id++) putText(this.#dictionary, column.value(id));
    this.#putIds(count, column.count);
    return { encoding: ENCODING.dictionary, entries: column.count, nulls, extremes: NO_EXTREMES };
  }

  #integer(column: IntegerColumn, rows: number): Filled {
    const count = this.#compact(column.values, rows);
    const nulls = rows - count;
    putLevels(this.#page, this.#present, rows, nulls);
    if (count === 0) return { encoding: ENCODING.plain, entries: 0, nulls, extremes: NO_EXTREMES };
    const numbers = this.#numbers;
    let min = numbers[0]!;
    let max = min;
    for (let i = 1; i < count; i++) {
      const value = numbers[i]!;
      if (value < min) min = value;
      else if (value > max) max = value;
    }
    if (min >= -MAX_DELTA_VALUE && max <= MAX_DELTA_VALUE) {
      putDeltas(this.#page, numbers, count);
      const extremes = { min: int64Bytes(BigInt(min)), max: int64Bytes(BigInt(max)) };
      return { encoding: ENCODING.delta, entries: 0, nulls, extremes };
    }
    return { encoding: ENCODING.plain, entries: 0, nulls, extremes: this.#hugeIntegers(column, rows) };
  }

  #hugeIntegers(column: IntegerColumn, rows: number): Extremes {
    const page = this.#page;
    let [min, max] = [2n ** 63n - 1n, -(2n ** 63n)];
    for (let row = 0; row < rows; row++) {
      const double = column.values[row]!;
      if (Number.isNaN(double)) continue;
      const value = double === Number.POSITIVE_INFINITY ? column.huge.get(row)! : BigInt(double);
      if (value < min) min = value;
      if (value > max) max = value;
      page.put(int64Bytes(value));
    }
    return { min: int64Bytes(min), max: int64Bytes(max) };
  }

  #double(column: DoubleColumn, rows: number): Filled {
    const count = this.#compact(column.values, rows);
    const nulls = rows - count;
    putLevels(this.#page, this.#present, rows, nulls);
    const numbers = this.#numbers;
    const extremes = doubleExtremes(numbers, count);
    const entries = this.#doubles.number(numbers, count, this.#ids, Math.floor(count * DICTIONARY_SHARE));
    if (entries > 0) {
      this.#dictionary.put(this.#doubles.content());
      this.#putIds(count, entries);
      return { encoding: ENCODING.dictionary, entries, nulls, extremes };
    }
    this.#page.put(new Uint8Array(numbers.buffer, 0, count * 8));
    return { encoding: ENCODING.plain, entries: 0, nulls, extremes };
  }

  #boolean(column: BooleanColumn, rows: number): Filled {
    const present = this.#present;
    const bits = this.#ids;
    let count = 0;
    for (let row = 0; row < rows; row++) {
      const value = column.values[row]!;
      present[row] = value === 0 ? 0 : 1;
      bits[count] = value - 1;
      if (value !== 0) count++;
    }
    putLevels(this.#page, present, rows, rows - count);
    packBits(this.#page, bits, 0, count, 1);
    return { encoding: ENCODING.plain, entries: 0, nulls: rows - count, extremes: NO_EXTREMES };
  }

  /** The numbers that are not NaN, into `#numbers`; how many they are. */
  #compact(values: Float64Array, rows: number): number {
    const present = this.#present;
    const numbers = this.#numbers;
    let count = 0;
    for (let row = 0; row < rows; row++) {
      const value = values[row]!;
      const there = !Number.isNaN(value);
      present[row] = there ? 1 : 0;
      numbers[count] = value;
      if (there) count++;
    }
    return count;
  }

  #putIds(count: number, entries: number): void {
    const page = this.#page;
    const width = Math.max(1, bitWidth(entries - 1));
    page.byte(width);
    if (entries === 1) putRepeatedRun(page, 0, count);
    else putPackedRun(page, this.#ids, count, width);
  }
}

interface Filled {
  readonly encoding: number;
  /** Of the dictionary; 0 without one. */
  readonly entries: number;
  readonly nulls: number;
  readonly extremes: Extremes;
}

function putText(out: ByteSink, value: Uint8Array): void {
  out.int32(value.length);
  out.put(value);
}

function int64Bytes(value: bigint): Uint8Array {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64LE(value);
  return bytes;
}

/** As the format wants it, a zero that is least is −0 and one that is greatest +0: readers may tell them apart. */
function doubleExtremes(numbers: Float64Array, count: number): Extremes {
  if (count === 0) return NO_EXTREMES;
  let min = numbers[0]!;
  let max = min;
  for (let i = 1; i < count; i++) {
    const value = numbers[i]!;
    if (value < min) min = value;
    else if (value > max) max = value;
  }
  return { min: doubleBytes(min === 0 ? -0 : min), max: doubleBytes(max === 0 ? 0 : max) };
}

function doubleBytes(value: number): Uint8Array {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleLE(value);
  return bytes;
}

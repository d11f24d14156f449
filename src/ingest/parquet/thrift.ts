import type { ByteSink } from './byte-sink.ts';

/** Field types of the compact protocol. */
const I32 = 5;
const I64 = 6;
const BINARY = 8;
const LIST = 9;
const STRUCT = 12;

/** A value with its wire type, for lists. */
export type ThriftList =
  | { readonly of: 'i32'; readonly items: readonly number[] }
  | { readonly of: 'binary'; readonly items: readonly string[] }
  | { readonly of: 'struct'; readonly items: readonly ((struct: ThriftStruct) => void)[] };

/**
 * Writes the fields of one struct in Thrift's compact protocol, in ascending order of their ids; `end` closes it.
 * Parquet's page headers and its footer are such structs.
 */
export class ThriftStruct {
  readonly #out: ByteSink;
  #last = 0;

  constructor(out: ByteSink) {
    this.#out = out;
  }

  i32(id: number, value: number): this {
    this.#field(id, I32);
    this.#out.zigzag(value);
    return this;
  }

  /** Numbers are exact up to 2^52, which no file reaches. */
  i64(id: number, value: number): this {
    this.#field(id, I64);
    this.#out.zigzag(value);
    return this;
  }

  binary(id: number, value: string | Uint8Array): this {
    this.#field(id, BINARY);
    putBinary(this.#out, value);
    return this;
  }

  struct(id: number, fields: (struct: ThriftStruct) => void): this {
    this.#field(id, STRUCT);
    writeStruct(this.#out, fields);
    return this;
  }

  list(id: number, list: ThriftList): this {
    this.#field(id, LIST);
    const out = this.#out;
    const { length } = list.items;
    const type = { i32: I32, binary: BINARY, struct: STRUCT }[list.of];
    if (length < 15) out.byte((length << 4) | type);
    else {
      out.byte(0xf0 | type);
      out.varint(length);
    }
    if (list.of === 'i32') for (const item of list.items) out.zigzag(item);
    else if (list.of === 'binary') for (const item of list.items) putBinary(out, item);
    else for (const item of list.items) writeStruct(out, item);
    return this;
  }

  #field(id: number, type: number): this {
    const step = id - this.#last;
    if (step > 15) {
      this.#out.byte(type);
      this.#out.zigzag(id);
    } else this.#out.byte((step << 4) | type);
    this.#last = id;
    return this;
  }
}

export function writeStruct(out: ByteSink, fields: (struct: ThriftStruct) => void): void {
  fields(new ThriftStruct(out));
  out.byte(0);
}

function putBinary(out: ByteSink, value: string | Uint8Array): void {
  const bytes = typeof value === 'string' ? Buffer.from(value) : value;
  out.varint(bytes.length);
  out.put(bytes);
}

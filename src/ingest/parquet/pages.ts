import type { ByteSink } from './byte-sink.ts';
import { ENCODING, PAGE } from './format.ts';
import { writeStruct } from './thrift.ts';

/** A page's values in their encoding, the number of rows (of values, in a dictionary) and what stands before. */
export interface PageBody {
  readonly content: Uint8Array;
  readonly encoding: number;
  readonly values: number;
}

export function putDictionaryPage(out: ByteSink, page: PageBody): void {
  const { length } = page.content;
  writeStruct(out, (header) =>
    header
      .i32(1, PAGE.dictionary)
      .i32(2, length)
      .i32(3, length)
      .struct(7, (dictionary) => dictionary.i32(1, page.values).i32(2, page.encoding)),
  );
  out.put(page.content);
}

/** The content begins with the definition levels. */
export function putDataPage(out: ByteSink, page: PageBody): void {
  const { length } = page.content;
  writeStruct(out, (header) =>
    header
      .i32(1, PAGE.data)
      .i32(2, length)
      .i32(3, length)
      .struct(5, (data) => data.i32(1, page.values).i32(2, page.encoding).i32(3, ENCODING.rle).i32(4, ENCODING.rle)),
  );
  out.put(page.content);
}

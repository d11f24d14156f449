/** Numbers of the Parquet format (parquet.thrift) that are used here. */
export const ENCODING = { plain: 0, rle: 3, delta: 5, dictionary: 8 } as const;
export const PAGE = { data: 0, dictionary: 2 } as const;
export const PHYSICAL = { boolean: 0, integer: 2, double: 5, text: 6 } as const;
export const UNCOMPRESSED = 0;
export const OPTIONAL = 1;
export const CONVERTED_UTF8 = 0;
/** First and last bytes of a file. */
export const MAGIC = Buffer.from('PAR1');

/** One column of one row group: where its pages are and what the footer says of it. Plain data, it crosses threads. */
export interface ColumnChunk {
  /** From the row group's first byte. */
  readonly offset: number;
  readonly sizeBytes: number;
  /** Bytes of the dictionary page, which comes first; 0 without one. */
  readonly dictionaryBytes: number;
  /** Of the data page. */
  readonly encoding: number;
  readonly nulls: number;
  /** Least and greatest value as Parquet writes it; undefined for text and boolean, and without a value. */
  readonly min: Uint8Array | undefined;
  readonly max: Uint8Array | undefined;
}

/** A row group without its place in a file. */
export interface RowGroup {
  readonly rows: number;
  readonly sizeBytes: number;
  readonly columns: readonly ColumnChunk[];
}

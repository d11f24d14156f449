import { ByteSink } from './byte-sink.ts';
import {
  CONVERTED_UTF8,
  type ColumnChunk,
  ENCODING,
  MAGIC,
  OPTIONAL,
  PHYSICAL,
  type RowGroup,
  UNCOMPRESSED,
} from './format.ts';
import { type ThriftStruct, writeStruct } from './thrift.ts';

/** A column of a file. */
export interface ParquetColumn {
  readonly name: string;
  readonly type: keyof typeof PHYSICAL;
}

/**
 * Everything behind the last row group: the file's metadata, its length and the magic bytes. The row groups stand one
 * behind the other in the given order, the first one right behind the magic bytes at the file's beginning.
 */
export function footer(columns: readonly ParquetColumn[], groups: readonly RowGroup[]): Buffer {
  const out = new ByteSink(64 * 1024);
  let offset = MAGIC.length;
  const places = groups.map((group) => {
    const place = offset;
    offset += group.sizeBytes;
    return place;
  });
  const rows = groups.reduce((sum, g) => sum + g.rows, 0);
  writeStruct(out, (file) =>
    file
      .i32(1, 2)
      .list(2, { of: 'struct', items: [root(columns.length), ...columns.map(schemaElement)] })
      .i64(3, rows)
      .list(4, { of: 'struct', items: groups.map((group, i) => rowGroup(columns, group, places[i]!)) })
      .binary(6, 'sparkify')
      // Least and greatest values are by the type's own order.
      .list(7, { of: 'struct', items: columns.map(() => (order: ThriftStruct) => order.struct(1, () => {})) }),
  );
  out.int32(out.length);
  out.put(MAGIC);
  return out.content();
}

function root(children: number): (element: ThriftStruct) => void {
  return (element) => element.binary(4, 'schema').i32(5, children);
}

function schemaElement(column: ParquetColumn): (element: ThriftStruct) => void {
  return (element) => {
    element.i32(1, PHYSICAL[column.type]).i32(3, OPTIONAL).binary(4, column.name);
    // The older mark for text, then the newer one.
    if (column.type === 'text') element.i32(6, CONVERTED_UTF8).struct(10, (logical) => logical.struct(1, () => {}));
  };
}

function rowGroup(columns: readonly ParquetColumn[], group: RowGroup, place: number): (struct: ThriftStruct) => void {
  return (struct) =>
    struct
      .list(1, {
        of: 'struct',
        items: group.columns.map((chunk, i) => (item: ThriftStruct) => {
          const at = place + chunk.offset;
          item.i64(2, at).struct(3, (data) => columnData(data, columns[i]!, chunk, group.rows, at));
        }),
      })
      .i64(2, group.sizeBytes)
      .i64(3, group.rows)
      .i64(5, place)
      .i64(6, group.sizeBytes);
}

function columnData(data: ThriftStruct, column: ParquetColumn, chunk: ColumnChunk, rows: number, at: number): void {
  const { encoding, dictionaryBytes, sizeBytes, nulls, min, max } = chunk;
  const encodings = [ENCODING.rle, encoding, ...(dictionaryBytes > 0 ? [ENCODING.plain] : [])];
  data
    .i32(1, PHYSICAL[column.type])
    .list(2, { of: 'i32', items: encodings })
    .list(3, { of: 'binary', items: [column.name] })
    .i32(4, UNCOMPRESSED)
    .i64(5, rows)
    .i64(6, sizeBytes)
    .i64(7, sizeBytes)
    .i64(9, at + dictionaryBytes);
  if (dictionaryBytes > 0) data.i64(11, at);
  data.struct(12, (statistics) => {
    statistics.i64(3, nulls);
    if (min !== undefined && max !== undefined) statistics.binary(5, max).binary(6, min);
  });
}

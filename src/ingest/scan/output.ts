/**
 * Where certified records of one object go. Either the object's own file serves as it is (`direct`, as long as all its
 * bytes are good), or they are written to the spool, one line each.
 */
export interface RecordOutput {
  /** Good lines `bytes[from, to)`, whole and in order; `offset` is where `from` stands in the object's content. */
  lines(bytes: Buffer, from: number, to: number, offset: number): void;
  /** One good record that has to be written on its own; it holds no line end. */
  line(record: Uint8Array): void;
}

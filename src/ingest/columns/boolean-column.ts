const WORD_TRUE = 0x65757274;
const WORD_ALSE = 0x65736c61;

/** The values of a boolean column. */
export class BooleanColumn {
  readonly type = 'boolean';
  /** Per row: 0 for null, 1 for false, 2 for true. */
  readonly values: Uint8Array;

  constructor(rows: number) {
    this.values = new Uint8Array(rows);
  }

  setNull(row: number): void {
    this.values[row] = 0;
  }

  /** Takes the word at `p` as the value of `row`: the position behind it, or −1 when it is neither true nor false. */
  take(bytes: Buffer, view: DataView, p: number, row: number): number {
    if (view.getInt32(p, true) === WORD_TRUE) {
      this.values[row] = 2;
      return p + 4;
    }
    if (bytes[p] !== 0x66 || view.getInt32(p + 1, true) !== WORD_ALSE) return -1;
    this.values[row] = 1;
    return p + 5;
  }

  clear(): void {}
}

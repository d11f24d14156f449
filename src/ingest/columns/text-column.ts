import type { Encoded, Kernel } from '../kernel/kernel.ts';

/**
 * The values of a text column as a dictionary that grows: each distinct spelling between the quotes is kept once, in its
 * raw bytes, and a row holds its number. Nothing is decoded, and no string made, before the row group is written.
 */
export class TextColumn {
  readonly type = 'text';
  /** Where the kernel has it. */
  readonly at: number;
  readonly #kernel: Kernel;
  /** Per row: 0 for null, else the number of its spelling. */
  readonly #ids: Int32Array;

  constructor(kernel: Kernel, rows: number) {
    this.#kernel = kernel;
    this.at = kernel.newTextColumn(rows);
    this.#ids = kernel.int32s(kernel.int32s(this.at, 1)[0]!, rows);
  }

  setNull(row: number): void {
    this.#ids[row] = 0;
  }

  /**
   * Takes the JSON text at `p` of the kernel's window as the value of `row`: the position behind it, or −1 when it is no
   * text or holds a NUL, a control character, a lone surrogate or an unknown escape. UTF-8 is the caller's concern.
   */
  take(p: number, row: number): number {
    return this.#kernel.takeText(this.at, p, row);
  }

  encode(rows: number): Encoded {
    return this.#kernel.encodeText(this.at, rows);
  }

  /** Forgets all values; large memory is let go. */
  clear(): void {
    this.#kernel.clearText(this.at);
  }
}

import type { Encoded, Kernel } from '../kernel/kernel.ts';

/** The values of a boolean column. */
export class BooleanColumn {
  readonly type = 'boolean';
  /** Where the values are: a byte a row, 0 for null, 1 for false, 2 for true. */
  readonly at: number;
  readonly #kernel: Kernel;
  readonly #values: Uint8Array;

  constructor(kernel: Kernel, rows: number) {
    this.#kernel = kernel;
    this.at = kernel.alloc(rows);
    this.#values = kernel.bytes(this.at, rows);
  }

  setNull(row: number): void {
    this.#values[row] = 0;
  }

  set(row: number, value: boolean): void {
    this.#values[row] = value ? 2 : 1;
  }

  encode(rows: number): Encoded {
    return this.#kernel.encodeBoolean(this.at, rows);
  }

  clear(): void {}
}

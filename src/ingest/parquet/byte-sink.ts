/** Bytes that are put one behind the other; grows as needed. Numbers are little-endian. */
export class ByteSink {
  bytes: Buffer<ArrayBuffer>;
  view: DataView;
  length = 0;
  readonly #initialBytes: number;

  constructor(initialBytes: number) {
    this.#initialBytes = initialBytes;
    this.bytes = Buffer.allocUnsafeSlow(initialBytes);
    this.view = new DataView(this.bytes.buffer);
  }

  /** Makes room for so many bytes more. */
  reserve(count: number): void {
    const needed = this.length + count;
    if (needed > this.bytes.length) this.#resize(Math.max(needed, this.bytes.length * 2));
  }

  byte(value: number): void {
    this.reserve(1);
    this.bytes[this.length++] = value;
  }

  int32(value: number): void {
    this.reserve(4);
    this.view.setUint32(this.length, value, true);
    this.length += 4;
  }

  /** A whole number that is exact as a double. */
  int64(value: number): void {
    const high = Math.floor(value / 2 ** 32);
    this.int32(value - high * 2 ** 32);
    this.int32(high);
  }

  /** An unsigned LEB128 number below 2^53. */
  varint(value: number): void {
    this.reserve(8);
    while (value >= 0x80) {
      this.bytes[this.length++] = (value % 0x80) | 0x80;
      value = Math.floor(value / 0x80);
    }
    this.bytes[this.length++] = value;
  }

  /** A signed number of at most 52 bits, as zigzag varint. */
  zigzag(value: number): void {
    this.varint(value < 0 ? -2 * value - 1 : 2 * value);
  }

  put(bytes: Uint8Array): void {
    this.reserve(bytes.length);
    this.bytes.set(bytes, this.length);
    this.length += bytes.length;
  }

  /** What was put; valid until the next change. */
  content(): Buffer {
    return this.bytes.subarray(0, this.length);
  }

  /** Forgets everything; much more memory than at first is let go. */
  clear(): void {
    this.length = 0;
    if (this.bytes.length > 8 * this.#initialBytes) this.#resize(this.#initialBytes);
  }

  #resize(size: number): void {
    const bytes = Buffer.allocUnsafeSlow(size);
    this.bytes.copy(bytes, 0, 0, this.length);
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer);
  }
}

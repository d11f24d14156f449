/** Bytes that grow; made for long ASCII lines. What `bytes` gives is valid until the next write or `clear`. */
export class ByteBuffer {
  private buffer: Buffer;
  private length = 0;

  constructor(capacity = 1 << 20) {
    this.buffer = Buffer.allocUnsafe(capacity);
  }

  /** Appends text whose characters are all below U+0100, one byte each. */
  write(text: string): void {
    const end = this.length + text.length;
    if (end > this.buffer.length) this.grow(end);
    this.buffer.write(text, this.length, 'latin1');
    this.length = end;
  }

  get size(): number {
    return this.length;
  }

  bytes(): Uint8Array {
    return this.buffer.subarray(0, this.length);
  }

  clear(): void {
    this.length = 0;
  }

  private grow(needed: number): void {
    const larger = Buffer.allocUnsafe(Math.max(needed, this.buffer.length * 2));
    this.buffer.copy(larger, 0, 0, this.length);
    this.buffer = larger;
  }
}

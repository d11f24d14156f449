import { gunzipSync } from 'node:zlib';
import { JsonSyntax } from '../ingest/scan/syntax.ts';

const NEWLINE = 0x0a;
const OPEN = 0x7b;

/** The bytes of an object as they were read: unpacked when it is gzip, without a byte order mark. */
export function objectText(bytes: Uint8Array): Buffer {
  const packed = bytes[0] === 0x1f && bytes[1] === 0x8b;
  const text = packed ? gunzipSync(bytes) : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return text[0] === 0xef && text[1] === 0xbb && text[2] === 0xbf ? text.subarray(3) : text;
}

/**
 * The complete JSON objects that begin on a physical line (from 1), in their order: the line itself where it is one, else
 * the values in any layout. Empty when there are none, or the object has no such line.
 */
export function recordsAtLine(text: Buffer, line: number): readonly string[] {
  let start = 0;
  for (let n = 1; n < line; n++) {
    const end = text.indexOf(NEWLINE, start);
    if (end < 0) return [];
    start = end + 1;
  }
  const newline = text.indexOf(NEWLINE, start);
  const lineEnd = newline < 0 ? text.length : newline;
  const syntax = new JsonSyntax(text);
  syntax.end = text.length;
  const found: string[] = [];
  for (let p = start; p < lineEnd; ) {
    if (text[p] !== OPEN) {
      p++;
      continue;
    }
    const end = syntax.object(p, 0);
    if (end < 0) p++;
    else {
      found.push(text.toString('utf8', p, end));
      p = end;
    }
  }
  return found;
}

/** JSON text of a string in ASCII alone, as the sources write it: everything beyond ASCII as lower-case `\uXXXX`. */
export function jsonAscii(text: string): string {
  // Control and other characters beyond printable ASCII; JSON.stringify has already escaped the ones below a space.
  return JSON.stringify(text).replace(/[\u007f-\uffff]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** The same with `/` as `\/`, the way of the logs. */
export function jsonLogText(text: string): string {
  return jsonAscii(text).replaceAll('/', '\\/');
}

/** A finite number that is a double in the source: always with a decimal point. */
export function jsonDouble(value: number): string {
  const text = String(value);
  return Number.isInteger(value) ? `${text}.0` : text;
}

/** The same ASCII text, in one piece in memory: a concatenation is walked through again each time it is written. */
export function inOnePiece(text: string): string {
  return Buffer.from(text, 'latin1').toString('latin1');
}

/** UTF-8 read as Latin-1 and written as UTF-8, twice over: `ö` becomes `Ã\u0083Â¶`, as in the real logs. */
export function doubleEncoded(text: string): string {
  const once = Buffer.from(text, 'utf8').toString('latin1');
  return Buffer.from(once, 'utf8').toString('latin1');
}

/** Order by bytes. Code units and UTF-8 bytes agree here: the vocabulary has no character beyond the basic plane. */
export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

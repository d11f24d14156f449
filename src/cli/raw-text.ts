/** Raw bytes for JSON: as text, and in hexadecimal too where they are no UTF-8 and the text therefore is not exact. */
export function rawFields(raw: Uint8Array): { readonly raw: string; readonly rawHex?: string } {
  const text = Buffer.from(raw).toString('utf8');
  return Buffer.from(text, 'utf8').equals(raw)
    ? { raw: text }
    : { raw: text, rawHex: Buffer.from(raw).toString('hex') };
}

/** Raw bytes for people. */
export function rawText(raw: Uint8Array): string {
  return Buffer.from(raw).toString('utf8');
}

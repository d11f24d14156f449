/** On each connection. A plan that a server keeps takes some ten kilobytes. */
const MAX_PREPARED = 150;
const MAX_WATCHED = 1000;

/**
 * Names for the texts that a server keeps prepared: parsing and planning cost more than carrying out. Names are never
 * given twice, so their number is bounded by leaving texts without one.
 */
export class PreparedNames {
  readonly #names = new Map<string, string>();
  readonly #seen = new Set<string>();

  /** Of a text that is known to be used often. */
  of(text: string): string | undefined {
    const known = this.#names.get(text);
    if (known !== undefined || this.#names.size >= MAX_PREPARED) return known;
    const name = `sparkify_${this.#names.size + 1}`;
    this.#names.set(text, name);
    return name;
  }

  /** Of a text that may be one of endlessly many: it has a name from its second use on. */
  ofRepeated(text: string): string | undefined {
    const known = this.#names.get(text);
    if (known !== undefined) return known;
    if (this.#seen.delete(text)) return this.of(text);
    if (this.#seen.size >= MAX_WATCHED) this.#seen.clear();
    this.#seen.add(text);
    return undefined;
  }
}

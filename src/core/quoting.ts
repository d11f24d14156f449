/** The only place that turns names and values into SQL text. */

/** A quoted SQL identifier; a name of any characters stays one name. */
export function ident(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** `schema.name`, each part quoted. */
export function qualified(schema: string, name: string): string {
  return `${ident(schema)}.${ident(name)}`;
}

/** A SQL string literal (standard_conforming_strings). */
export function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

/** A list of quoted identifiers, optionally with a table alias in front of each. */
export function identList(names: readonly string[], alias?: string): string {
  return names.map((n) => (alias ? `${alias}.${ident(n)}` : ident(n))).join(', ');
}

/** Values that are grouped or compared at once: more of them take more memory, and are no quicker. */
const PART_ROWS = 2_000_000;

/**
 * Conditions, for the compute engine, of which every value of a column but NULL meets exactly one, so that many rows are
 * gone over part by part.
 */
export function partsByValue(column: string, rows: number, partRows: number = PART_ROWS): readonly string[] {
  const parts = Math.ceil(rows / partRows);
  return parts <= 1 ? ['true'] : Array.from({ length: parts }, (_, part) => `hash(${column}) % ${parts} = ${part}`);
}

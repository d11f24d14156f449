/**
 * Pieces of the shared dialect for expressions in definitions. What a function here returns is SQL text; engines that
 * word it differently get their own wording here and nowhere else.
 */

/** The UTC timestamp of an expression in epoch milliseconds, the milliseconds kept. */
export function epochMs(expression: string): string {
  return `make_timestamp(${expression} * 1000)`;
}

/** 0 where the text is there and not empty, else 1: orders records with a text before those without. */
export function emptyLast(expression: string): string {
  return `case when ${expression} is null or ${expression} = '' then 1 else 0 end`;
}

/** 0 where the value is there, else 1: orders records with a value before those without. */
export function nullLast(expression: string): string {
  return `case when ${expression} is null then 1 else 0 end`;
}

/** The text without one pair of literal double quotes around it. */
export function withoutQuotes(expression: string): string {
  // One function of one column: the engine carries it out once for each entry of a segment's dictionary.
  return `regexp_replace(${expression}, '^"(.*)"$', '\\1', 's')`;
}

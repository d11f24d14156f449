import { SparkifyError } from '../core/errors.ts';

/** What tasks give to one another: JSON, nothing else. */
export type JsonValue =
  | null
  | boolean
  | number
  | string
  | readonly JsonValue[]
  | { readonly [name: string]: JsonValue };

/** Text of a value between tasks; larger things belong into a table or an object store. */
export const MAX_VALUE_BYTES = 65_536;
/** Elements of a mapped task. */
export const MAX_ELEMENTS = 100_000;

/** Who gives a value, for the errors about it. */
interface Giver {
  readonly pipeline: string;
  readonly task: string;
}

/**
 * The value as JSON; `undefined` means that none is given.
 * @throws VALUE_INVALID with the path of what is no JSON
 * @throws VALUE_TOO_LARGE
 */
export function requireValue(giver: Giver, value: unknown): JsonValue | undefined {
  if (value === undefined) return undefined;
  const problem = jsonProblem(value, 'the value', new Set());
  if (problem !== undefined) throw new SparkifyError('VALUE_INVALID', { ...giver, detail: problem });
  const text = JSON.stringify(value);
  const sizeBytes = Buffer.byteLength(text);
  if (sizeBytes > MAX_VALUE_BYTES)
    throw new SparkifyError('VALUE_TOO_LARGE', { ...giver, sizeBytes, maxBytes: MAX_VALUE_BYTES });
  // What a task is given is the same whether or not a store was in between.
  return JSON.parse(text) as JsonValue;
}

/** The elements of a mapped task. @throws VALUE_INVALID, VALUE_TOO_LARGE */
export function requireElements(giver: Giver, elements: unknown): readonly JsonValue[] {
  if (!Array.isArray(elements))
    throw new SparkifyError('VALUE_INVALID', { ...giver, detail: 'what `over` gives is no array' });
  if (elements.length > MAX_ELEMENTS)
    throw new SparkifyError('VALUE_INVALID', {
      ...giver,
      detail: `\`over\` gives ${elements.length} elements; at most ${MAX_ELEMENTS} are taken`,
    });
  return elements.map((element, i) => {
    const value = requireValue(giver, element);
    if (value === undefined)
      throw new SparkifyError('VALUE_INVALID', { ...giver, detail: `element ${i} of \`over\` is undefined` });
    return value;
  });
}

function jsonProblem(value: unknown, path: string, above: Set<object>): string | undefined {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return undefined;
    case 'number':
      return Number.isFinite(value) ? undefined : `${path} is ${value}`;
    case 'object':
      break;
    default:
      return `${path} is ${value === undefined ? 'undefined' : `a ${typeof value}`}`;
  }
  if (value === null) return undefined;
  if (above.has(value)) return `${path} contains itself`;
  const array = Array.isArray(value);
  const prototype: unknown = Object.getPrototypeOf(value);
  // Plain objects of another realm (a worker thread, a loader) have a prototype without one of its own.
  if (!array && prototype !== null && Object.getPrototypeOf(prototype) !== null)
    return `${path} is a ${(value as object).constructor?.name ?? 'object'}, not a plain object`;
  above.add(value);
  for (const [name, inner] of Object.entries(value)) {
    // JSON leaves out what is undefined in an object; so may a value.
    if (inner === undefined && !array) continue;
    const problem = jsonProblem(inner, array ? `${path}[${name}]` : `${path}.${name}`, above);
    if (problem !== undefined) return problem;
  }
  above.delete(value);
  return undefined;
}

import { isSecretName, type Redact } from './redact.ts';

/** Characters of text that one line may carry, and how far its data is followed. */
const TEXT_LIMIT = 64_000;
const DEPTH_LIMIT = 6;
const ITEM_LIMIT = 100;

export interface PlainLine {
  readonly msg: string;
  readonly data: Readonly<Record<string, unknown>> | undefined;
}

/**
 * A message and its data as plain values that are safe to write: without secrets, circles, getters that throw or texts
 * without end. Never throws.
 */
export function plainLine(msg: string, data: Readonly<Record<string, unknown>> | undefined, redact: Redact): PlainLine {
  const copier = new Copier(redact);
  const text = copier.text(msg);
  if (data === undefined) return { msg: text, data: undefined };
  const copy = copier.value(data, 0);
  const fields = typeof copy === 'object' && copy !== null ? (copy as Record<string, unknown>) : { value: copy };
  return { msg: text, data: Object.keys(fields).length === 0 ? undefined : fields };
}

/** Copies the values of one line; counts the text that is left. */
class Copier {
  readonly #redact: Redact;
  readonly #above: object[] = [];
  #left = TEXT_LIMIT;

  constructor(redact: Redact) {
    this.#redact = redact;
  }

  /** Redacted before it is cut: half a secret is one too. */
  text(text: string): string {
    const clean = this.#redact(text);
    const room = Math.max(this.#left, 0);
    this.#left -= clean.length;
    return clean.length <= room ? clean : `${clean.slice(0, room)}… (${clean.length - room} characters cut)`;
  }

  value(value: unknown, depth: number): unknown {
    switch (typeof value) {
      case 'string':
        return this.text(value);
      case 'number':
        return Number.isFinite(value) ? value : String(value);
      case 'boolean':
        return value;
      case 'bigint':
        return value.toString();
      case 'undefined':
        return undefined;
      case 'function':
      case 'symbol':
        return `[${typeof value}]`;
      case 'object':
        return value === null ? null : this.#guarded(value, depth);
    }
  }

  #guarded(value: object, depth: number): unknown {
    if (this.#above.includes(value)) return '[circular]';
    if (depth >= DEPTH_LIMIT) return '[…]';
    this.#above.push(value);
    try {
      return this.#object(value, depth);
    } catch {
      return '[unreadable]';
    } finally {
      this.#above.pop();
    }
  }

  #object(value: object, depth: number): unknown {
    if (value instanceof Error) return this.#error(value, depth);
    if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'Invalid Date' : value.toISOString();
    if (value instanceof RegExp || value instanceof URL) return this.text(String(value));
    if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
    if (value instanceof Map)
      return this.#fields(
        [...value].map(([k, v]) => [String(k), v]),
        depth,
      );
    if (Array.isArray(value) || value instanceof Set) return this.#items([...value], depth);
    const { toJSON } = value as { toJSON?: unknown };
    if (typeof toJSON === 'function') return this.value(toJSON.call(value), depth + 1);
    return this.#fields(
      Object.keys(value).map((key) => [key, readable(value, key)]),
      depth,
    );
  }

  #error(error: Error, depth: number): unknown {
    const { code, remedy } = error as { code?: unknown; remedy?: unknown };
    return {
      name: this.text(String(error.name)),
      ...(code === undefined ? {} : { code: this.value(code, depth + 1) }),
      message: this.text(String(error.message)),
      ...(typeof remedy === 'string' ? { remedy: this.text(remedy) } : {}),
      ...(typeof error.stack === 'string' && needsStack(error) ? { stack: this.text(error.stack) } : {}),
      ...(error.cause === undefined ? {} : { cause: this.value(error.cause, depth + 1) }),
      ...(error instanceof AggregateError ? { errors: this.#items(error.errors, depth) } : {}),
    };
  }

  #items(items: readonly unknown[], depth: number): unknown {
    const copied = items.slice(0, ITEM_LIMIT).map((item) => this.value(item, depth + 1) ?? null);
    return items.length > ITEM_LIMIT ? [...copied, `… ${items.length - ITEM_LIMIT} more`] : copied;
  }

  #fields(entries: readonly (readonly [string, unknown])[], depth: number): unknown {
    const result: Record<string, unknown> = {};
    for (const [name, value] of entries.slice(0, ITEM_LIMIT)) {
      const copy = isSecretName(name) ? hidden(value) : this.value(value, depth + 1);
      // Not an assignment: a field called __proto__ is a field like others.
      if (copy !== undefined)
        Object.defineProperty(result, this.text(name), { value: copy, enumerable: true, configurable: true });
    }
    if (entries.length > ITEM_LIMIT) result['…'] = `${entries.length - ITEM_LIMIT} more fields`;
    return result;
  }
}

/** Where an error that has a remedy was made helps nobody, unless nobody foresaw it. Its cause tells more. */
function needsStack(error: Error): boolean {
  const { code, remedy } = error as { code?: unknown; remedy?: unknown };
  return remedy === undefined || (code === 'INTERNAL' && error.cause === undefined);
}

function readable(value: object, key: string): unknown {
  try {
    return (value as Record<string, unknown>)[key];
  } catch {
    return '[unreadable]';
  }
}

function hidden(value: unknown): unknown {
  return value === null || value === undefined || typeof value === 'boolean' || value === '' ? value : '***';
}

import { InvalidArgumentError } from 'commander';

/** Collects `--set name=value`; the value may hold further `=`. */
export function collectSet(text: string, before: Readonly<Record<string, string>> = {}): Record<string, string> {
  const at = text.indexOf('=');
  if (at < 1) throw new InvalidArgumentError('write --set name=value');
  const name = text.slice(0, at).trim();
  if (Object.hasOwn(before, name)) throw new InvalidArgumentError(`${name} is set twice`);
  return { ...before, [name]: text.slice(at + 1) };
}

/** Reads a whole number of at least `min`. */
export function wholeNumber(min: number): (text: string) => number {
  return (text) => {
    const value = Number(text.replaceAll('_', ''));
    if (!Number.isSafeInteger(value) || value < min)
      throw new InvalidArgumentError(`write a whole number from ${min} on`);
    return value;
  };
}

/** Reads `a,b,c`. */
export function commaList(text: string): readonly string[] {
  const names = text
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
  if (names.length === 0) throw new InvalidArgumentError('write one or more names with commas between them');
  return names;
}

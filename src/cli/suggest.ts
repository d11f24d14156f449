import { nearest } from '../core/nearest.ts';

/** `Did you mean X? There are: …` as the fix of an error about an unknown name. */
export function nameFix(name: string, known: readonly string[], none: string): string {
  if (known.length === 0) return none;
  const near = nearest(name, known);
  return `${near === undefined ? '' : `Did you mean ${near}? `}There ${known.length === 1 ? 'is' : 'are'}: ${known.join(', ')}`;
}

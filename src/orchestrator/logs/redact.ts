/** A text without what must not be read in it. */
export type Redact = (text: string) => string;

const MASK = '***';

/** Shorter values would hide half of every text. */
const SHORTEST_SECRET = 4;

/** Names of values that are secret, in parameters, headers, keys of objects and variables of the environment. */
const SECRET_NAME =
  /passw(?:or)?d|passphrase|pwd|secret|token(?!s\b|i[sz])|api[_-]?key|access[_-]?key|private[_-]?key|authorization|credential|cookie|signature/i;

const NAMED = new RegExp(`(?:${SECRET_NAME.source})[\\w-]{0,40}`, 'gi');

/** Everything that follows on the line belongs to these. */
const HEADER = /authorization|cookie/i;

/** Is a value of this name to be hidden whatever it looks like? */
export function isSecretName(name: string): boolean {
  return SECRET_NAME.test(name);
}

/**
 * Hides passwords in URLs, values of secret names (also in JSON inside of JSON), headers, tokens of known shapes, and
 * these values, however they are escaped: as JSON, percent-encoded, or over several lines.
 */
export function createRedactor(secrets: readonly string[] = []): Redact {
  const known = knownValues(secrets);
  return (text) => {
    let result = known === undefined ? text : text.replace(known, MASK);
    for (const [pattern, mask] of SHAPES) result = result.replace(pattern, mask);
    return withoutNamed(result);
  };
}

const SHAPES: readonly (readonly [RegExp, string])[] = [
  [/-----BEGIN ([A-Z ]*PRIVATE KEY)-----[\s\S]*?(?:-----END \1-----|$)/g, `-----BEGIN $1-----${MASK}`],
  // Up to the last @ of the word: an unescaped @ or : in a password must not leave its tail. A port is none.
  [/([a-z][a-z0-9+.-]{0,20}:\/\/[^\s:/?#@"']*):(?!\d{1,5}[/?#])[^\s]*@/gi, `$1:${MASK}@`],
  // The secret key often stands beside its id.
  [/\b(AKIA|ASIA)[A-Z0-9]{16}\b(?:[^A-Za-z0-9/+]{1,6}[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+]))?/g, `$1${MASK}`],
  [/\b(bearer)\s+[\w.~+/=-]{6,}/gi, `$1 ${MASK}`],
  [/\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*/g, MASK],
  [/\b(gh[oprsu]_|github_pat_|glpat-|npm_|sk_live_|rk_live_|spk_|xox[abeoprs]-|AIza)[\w-]{12,}/g, `$1${MASK}`],
  [/(hooks\.slack\.com\/(?:services|workflows)\/)[\w/-]+/g, `$1${MASK}`],
];

/** Hides what follows `name=`, `name: `, `"name":"` and `--name `, wherever such a name stands. */
function withoutNamed(text: string): string {
  let result = '';
  let done = 0;
  NAMED.lastIndex = 0;
  for (let match = NAMED.exec(text); match !== null; match = NAMED.exec(text)) {
    const value = valueAfter(text, match.index, NAMED.lastIndex);
    if (value === undefined) continue;
    result += text.slice(done, value.start) + MASK;
    done = value.end;
    NAMED.lastIndex = value.end;
  }
  return done === 0 ? text : result + text.slice(done);
}

/** Where the value of a name lies that begins and ends at these places; undefined if it has none that is secret. */
function valueAfter(text: string, nameStart: number, nameEnd: number): { start: number; end: number } | undefined {
  const sign = /\\*["'`]?\s{0,20}(?::|=>?)\s{0,20}/y;
  sign.lastIndex = nameEnd;
  let at = nameEnd;
  if (sign.test(text)) at = sign.lastIndex;
  else {
    // `--password hunter2`, and `password 'hunter2'` as SQL has it.
    const gap = /\s{1,20}/y;
    gap.lastIndex = nameEnd;
    if (!gap.test(text)) return undefined;
    at = gap.lastIndex;
    const flag = /--[\w-]{0,40}$/.test(text.slice(Math.max(0, nameStart - 44), nameStart));
    const quoted = /^passw/i.test(text.slice(nameStart, nameEnd)) && /["']/.test(text[at] ?? '');
    if (!flag && !quoted) return undefined;
  }
  const open = /\\*["'`]/y;
  open.lastIndex = at;
  if (open.test(text)) return quotedValue(text, open.lastIndex, open.lastIndex - at - 1);
  const bare = HEADER.test(text.slice(nameStart, nameEnd)) ? /[^\r\n"'`]+/y : /[^\s&"'`]+/y;
  bare.lastIndex = at;
  if (!bare.test(text)) return undefined;
  const value = text.slice(at, bare.lastIndex);
  if (/^[[{]/.test(value) || /^(?:null|undefined|true|false|none)\b[,;)\]}]*$/i.test(value)) return undefined;
  return { start: at, end: bare.lastIndex };
}

/**
 * The value between quotes, of which the first has so many backslashes before it. JSON inside of JSON doubles them at
 * each level, so a quote ends the value only with the same number, beyond those that are escaped themselves.
 */
function quotedValue(text: string, start: number, backslashes: number): { start: number; end: number } | undefined {
  const quote = text[start - 1]!;
  for (let at = start; at < text.length; at++) {
    if (text[at] !== quote) continue;
    let run = 0;
    while (at - run - 1 >= start && text[at - run - 1] === '\\') run++;
    if (run % (2 * (backslashes + 1)) !== backslashes) continue;
    const end = at - backslashes;
    return end === start ? undefined : { start, end };
  }
  // Cut off before its end.
  return start === text.length ? undefined : { start, end: text.length };
}

function knownValues(secrets: readonly string[]): RegExp | undefined {
  const values = new Set<string>();
  for (const secret of secrets) {
    const text = secret.trim();
    if (text.length < SHORTEST_SECRET) continue;
    values.add(text);
    // Of a key over several lines each may be told alone.
    for (const part of text.split(/\r?\n/)) if (part.length >= 16) values.add(part);
  }
  if (values.size === 0) return undefined;
  // The longest first, so that one inside of another does not leave the rest.
  const sorted = [...values].sort((a, b) => b.length - a.length);
  return new RegExp(sorted.map(anyEscaping).join('|'), 'g');
}

/** A pattern for a text as it stands, in JSON of any depth, and percent-encoded. */
function anyEscaping(text: string): string {
  return [...text.replace(/\\+/g, '\\')].map(anyEscapingOf).join('');
}

const LETTERS: Readonly<Record<string, string>> = { '\n': 'n', '\r': 'r', '\t': 't', '\b': 'b', '\f': 'f' };

function anyEscapingOf(character: string): string {
  if (/[A-Za-z0-9_]/.test(character)) return character;
  const literal = character.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&');
  const percent = [...Buffer.from(character)].map((byte) => `%${hexadecimal(byte, 2)}`).join('');
  const units = Array.from({ length: character.length }, (_, i) => character.charCodeAt(i));
  const unicode = units.map((unit) => `\\\\+u${hexadecimal(unit, 4)}`).join('');
  const forms = character === '\\' ? ['\\\\+'] : [`\\\\*${literal}`];
  if (character === ' ') forms.push('\\+');
  const letter = LETTERS[character];
  if (letter !== undefined) forms.push(`\\\\+${letter}`);
  return `(?:${[...forms, percent, unicode].join('|')})`;
}

function hexadecimal(value: number, digits: number): string {
  return value
    .toString(16)
    .padStart(digits, '0')
    .replace(/[a-f]/g, (d) => `[${d}${d.toUpperCase()}]`);
}

import type { QuarantineReason } from '../staged.ts';
import type { ScanColumn } from './spec.ts';

/** Why a well-formed record is not taken. */
export interface RecordFault {
  readonly reason: QuarantineReason;
  readonly column?: string;
  readonly detail: string;
}

/** A value that fits its column. */
export interface Certified {
  /** The value of an integer, exact; undefined for other types and for null. */
  readonly integer?: bigint;
  /** The value of a double. */
  readonly double?: number;
}

const INT64_MIN = -(2n ** 63n);
const INT64_MAX = 2n ** 63n - 1n;
const NOTHING: Certified = {};

/**
 * Judges the JSON value in `bytes[start, end)`, known to be well-formed and not null, against its column.
 * Taken exactly or refused, never coerced.
 */
export function certify(column: ScanColumn, bytes: Buffer, start: number, end: number): Certified | RecordFault {
  const first = bytes[start]!;
  const kind = kindOf(first);
  const wrong = (detail: string): RecordFault => ({ reason: 'wrong_type', column: column.name, detail });
  const wanted = column.type === 'double' ? 'number' : column.type;
  const matches = column.type === 'integer' || column.type === 'double' ? kind === 'number' : kind === column.type;
  if (!matches) return wrong(`${shown(bytes, start, end)} is no ${wanted}`);
  switch (column.type) {
    case 'boolean':
      return NOTHING;
    case 'text':
      return column.integerText ? integerText(column, bytes, start, end) : NOTHING;
    case 'integer': {
      const text = bytes.toString('latin1', start, end);
      const value = integerOf(text);
      if (value === undefined) return wrong(`${shorten(text)} is no whole number`);
      if (value === 'huge' || value < INT64_MIN || value > INT64_MAX) {
        return { reason: 'out_of_range', column: column.name, detail: `${shorten(text)} does not fit 64 bits` };
      }
      return bounds(column, value, text) ?? { integer: value };
    }
    case 'double': {
      const text = bytes.toString('latin1', start, end);
      // As the engine reads them, -0 is the whole number 0 and -0.0 the double.
      const value = text === '-0' ? 0 : Number(text);
      if (!Number.isFinite(value)) {
        return { reason: 'out_of_range', column: column.name, detail: `${shorten(text)} is larger than any double` };
      }
      return bounds(column, value, text) ?? { double: value };
    }
  }
}

export function isFault(result: Certified | RecordFault): result is RecordFault {
  return 'reason' in result;
}

function bounds(column: ScanColumn, value: number | bigint, text: string): RecordFault | undefined {
  const { min, max } = column;
  if ((min === undefined || value >= min) && (max === undefined || value <= max)) return undefined;
  const range = `${min ?? '…'} to ${max ?? '…'}`;
  return { reason: 'out_of_range', column: column.name, detail: `${shorten(text)} is not within ${range}` };
}

function integerText(column: ScanColumn, bytes: Buffer, start: number, end: number): Certified | RecordFault {
  const text = JSON.parse(bytes.toString('utf8', start, end)) as string;
  if (text === '') return NOTHING;
  if (!/^-?\d+$/u.test(text)) {
    const detail = `${shown(bytes, start, end)} is neither empty nor an integer`;
    return { reason: 'wrong_type', column: column.name, detail };
  }
  const digits = text.replace(/^-?0*/u, '');
  const value = digits.length > 19 ? INT64_MAX + 1n : BigInt(text);
  if (value < INT64_MIN || value > INT64_MAX) {
    return { reason: 'out_of_range', column: column.name, detail: `${shown(bytes, start, end)} does not fit 64 bits` };
  }
  return NOTHING;
}

/** The exact whole number that a JSON number spells; 'huge' when it has more than 40 digits; undefined when it is not whole. */
function integerOf(text: string): bigint | 'huge' | undefined {
  if (/^-?\d{1,40}$/u.test(text)) return BigInt(text);
  const [mantissa, exponentText] = text.toLowerCase().split('e') as [string, string | undefined];
  const [whole, fraction = ''] = mantissa.replace('-', '').split('.') as [string, string | undefined];
  const digits = (whole + fraction).replace(/^0+/u, '');
  if (digits === '') return 0n;
  const significant = digits.replace(/0+$/u, '');
  // Value = significant × 10^power; an exponent too long for a number is as good as infinite.
  const power = Number(exponentText ?? 0) - fraction.length + (digits.length - significant.length);
  if (power < 0) return undefined;
  if (significant.length + power > 40) return 'huge';
  const value = BigInt(significant) * 10n ** BigInt(power);
  return text.startsWith('-') ? -value : value;
}

function kindOf(first: number): 'text' | 'number' | 'boolean' | 'object' | 'array' {
  switch (first) {
    case 0x22:
      return 'text';
    case 0x74:
    case 0x66:
      return 'boolean';
    case 0x7b:
      return 'object';
    case 0x5b:
      return 'array';
    default:
      return 'number';
  }
}

function shown(bytes: Buffer, start: number, end: number): string {
  return shorten(bytes.toString('utf8', start, Math.min(end, start + 200)));
}

function shorten(text: string): string {
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}

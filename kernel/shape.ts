import { same } from './bytes';
import { skipValue } from './host';
import { isIntegerText, takeBoolean, takeDouble, takeInteger } from './numbers';
import { give } from './results';
import { heldBytes, TextColumn, takeText } from './text-column';

const LETTER_N: u8 = 0x6e;
const NULL: u32 = 0x6c6c756e;
const NEWLINE: u8 = 0x0a;
const RETURN: u8 = 0x0d;

// Kinds of fields, as the host numbers them.
const TEXT: u32 = 0;
const INTEGER: u32 = 1;
const DOUBLE: u32 = 2;
const BOOLEAN: u32 = 3;
const INTEGER_TEXT: u32 = 4;
const UNKNOWN: u32 = 5;

/** A field: the literal bytes before its value, and what may follow. The host writes it, 48 bytes each. */
@unmanaged
class Field {
  glue: usize;
  glueBytes: u32;
  kind: u32;
  /** Of a text its column, else where its values are. */
  column: usize;
  required: u32;
  isEvent: u32;
  min: f64;
  max: f64;
  _end: f64;
}

/** What the records of one writer have in common. The host writes it. */
@unmanaged
class Shape {
  fields: usize;
  fieldCount: u32;
  /** From behind the last value up to and with the `}`. */
  tail: usize;
  tailBytes: u32;
  /** Fields of which only kind and column count: records of the shape lack them. */
  absent: usize;
  absentCount: u32;
}

let eventMs: f64 = NaN;

/**
 * The position behind the record at `p` when it is of the shape and every value is plainly valid; 0 when it needs a closer
 * look. Its values stand at `row` then. Looks at up to 16 bytes behind the record, which must end in a NUL or a line end.
 */
function match(shape: Shape, p: usize, row: usize, oneLine: bool): usize {
  eventMs = NaN;
  let at = shape.fields;
  const end = at + shape.fieldCount * offsetof<Field>();
  for (; at < end; at += offsetof<Field>()) {
    const field = changetype<Field>(at);
    if (!same(p, field.glue, field.glueBytes)) return 0;
    p += field.glueBytes;
    if (load<u8>(p) === LETTER_N) {
      if (field.required !== 0 || load<u32>(p) !== NULL) return 0;
      p += 4;
      setNull(field, row);
      continue;
    }
    p = take(field, p, row, oneLine);
    if (p === 0) return 0;
  }
  if (!same(p, shape.tail, shape.tailBytes)) return 0;
  at = shape.absent;
  const last = at + shape.absentCount * offsetof<Field>();
  for (; at < last; at += offsetof<Field>()) setNull(changetype<Field>(at), row);
  return p + shape.tailBytes;
}

function take(field: Field, p: usize, row: usize, oneLine: bool): usize {
  switch (field.kind) {
    case TEXT:
      return takeText(field.column, p, <u32>row);
    case INTEGER: {
      const to = field.column + (row << 3);
      const behind = takeInteger(p, to);
      if (field.isEvent !== 0) eventMs = load<f64>(to);
      return behind !== 0 && within(field, to) ? behind : 0;
    }
    case DOUBLE: {
      const to = field.column + (row << 3);
      const behind = takeDouble(p, to);
      return behind !== 0 && within(field, to) ? behind : 0;
    }
    case INTEGER_TEXT:
      return isIntegerText(p) ? takeText(field.column, p, <u32>row) : 0;
    case BOOLEAN:
      return takeBoolean(p, field.column + row);
    default:
      return skipValue(p, oneLine);
  }
}

function within(field: Field, at: usize): bool {
  const value = load<f64>(at);
  return value >= field.min && value <= field.max;
}

function setNull(field: Field, row: usize): void {
  switch (field.kind) {
    case INTEGER:
    case DOUBLE:
      store<f64>(field.column + (row << 3), NaN);
      break;
    case BOOLEAN:
      store<u8>(field.column + row, 0);
      break;
    case UNKNOWN:
      break;
    default:
      store<u32>(changetype<TextColumn>(field.column).ids + (row << 2), 0);
  }
}

/** As `match`; results: the record's event time, NaN for none. */
export function matchRecord(shape: usize, p: usize, row: usize): usize {
  const end = match(changetype<Shape>(shape), p, row, false);
  give(0, eventMs);
  return end;
}

/**
 * Takes records of the shape, each a line of at most `maxBytes`, from `p` on, into the rows from `row` on; the position
 * behind the last one. Stops before `limit`, before a line that needs a closer look, at `rows` and when spellings take
 * more than `maxHeld`. Results: records taken, least and greatest event time (infinite for none).
 */
export function matchLines(
  shape: usize,
  p: usize,
  limit: usize,
  row: usize,
  rows: usize,
  maxHeld: u32,
  maxBytes: usize,
): usize {
  const first = row;
  let least = f64.POSITIVE_INFINITY;
  let greatest = f64.NEGATIVE_INFINITY;
  while (p < limit && row < rows && heldBytes() <= maxHeld) {
    const end = match(changetype<Shape>(shape), p, row, true);
    if (end === 0 || end - p > maxBytes) break;
    const c = load<u8>(end);
    if (c === NEWLINE) p = end + 1;
    else if (c === RETURN && load<u8>(end, 1) === NEWLINE) p = end + 2;
    else if (end === limit) p = end;
    else break;
    row++;
    if (eventMs < least) least = eventMs;
    if (eventMs > greatest) greatest = eventMs;
  }
  give(0, <f64>(row - first));
  give(1, least);
  give(2, greatest);
  return p;
}

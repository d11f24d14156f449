import { GROUP_TEXT_BYTES, type RecordColumns } from '../columns/record-columns.ts';
import type { TakenLines } from '../kernel/kernel.ts';
import { MAX_RECORD_BYTES, type ScanColumn, type ScanSpec } from './spec.ts';

/** How `kernel/shape.ts` numbers the kinds of fields. */
const KIND = { text: 0, integer: 1, double: 2, boolean: 3, integerText: 4, unknown: 5 } as const;
/** A field and a shape as the kernel reads them; glue is compared in steps of 16 bytes. */
const FIELD_BYTES = 48;
const SHAPE_BYTES = 24;
const GLUE_SLACK = 16;

/** A field of the shape: the literal bytes before its value (`,"auth":` with the writer's own spacing) and what may follow. */
export interface ShapeField {
  readonly glue: Buffer;
  /** Index into the spec's columns, −1 for a field no column wants. */
  readonly column: number;
}

/** All that records of one writer have in common: the same fields in the same order with the same spacing. */
export class Shape {
  readonly fields: readonly ShapeField[];
  /** From behind the last value up to and with the `}`. */
  readonly tail: Buffer;
  /** Unknown fields and absent optional columns are those of every record of the shape. */
  readonly unknown: readonly string[];
  readonly missing: readonly number[];
  records = 0;
  readonly #target: RecordColumns;
  /** Where the kernel has it. */
  readonly #at: number;

  constructor(
    spec: ScanSpec,
    target: RecordColumns,
    fields: readonly ShapeField[],
    tail: Buffer,
    rest: { readonly unknown: readonly string[]; readonly missing: readonly number[] },
  ) {
    this.fields = fields;
    this.tail = tail;
    this.unknown = rest.unknown;
    this.missing = rest.missing;
    this.#target = target;
    this.#at = program(spec, target, fields, tail);
  }

  /**
   * The record at `p` of the window when it is of this shape and every value is plainly valid: the position behind it, and
   * its event time; undefined when it needs a closer look, whatever the reason. Its values stand at the columns' current
   * row then, for whoever takes it.
   */
  match(p: number): { readonly end: number; readonly eventMs: number } | undefined {
    const { kernel, row } = this.#target;
    return kernel.matchRecord(this.#at, p, row);
  }

  /**
   * Takes lines of this shape from `p` on, until `limit`, a line that needs a closer look, or the row group is full. Their
   * values stand from the columns' current row on, for whoever takes them.
   */
  matchLines(p: number, limit: number): TakenLines {
    const { kernel, row, capacity } = this.#target;
    const span = { p, limit, maxBytes: MAX_RECORD_BYTES };
    return kernel.matchLines(this.#at, span, { row, rows: capacity, maxHeld: GROUP_TEXT_BYTES });
  }

  /** It is of no use then. */
  release(): void {
    this.#target.kernel.free(this.#at);
  }

  /** Whether records of the other shape look the same between their values. */
  equals(other: Shape): boolean {
    const { fields } = this;
    return (
      fields.length === other.fields.length &&
      this.tail.equals(other.tail) &&
      fields.every((f, i) => f.glue.equals(other.fields[i]!.glue))
    );
  }
}

/** Writes a shape for the kernel, all of it in one piece of memory; where it begins. */
function program(spec: ScanSpec, target: RecordColumns, fields: readonly ShapeField[], tail: Buffer): number {
  const { kernel, columns } = target;
  const absent = columns.flatMap((_, i) => (fields.every((f) => f.column !== i) ? [i] : []));
  const texts = [...fields.map((f) => f.glue), tail];
  const entries = SHAPE_BYTES + FIELD_BYTES * (fields.length + absent.length);
  const size = texts.reduce((sum, text) => sum + text.length + GLUE_SLACK, entries);
  const at = kernel.alloc(size);
  const bytes = kernel.bytes(at, size);
  let used = entries;
  const put = (text: Buffer): number => {
    text.copy(bytes, used);
    used += text.length + GLUE_SLACK;
    return at + used - text.length - GLUE_SLACK;
  };
  let entry = SHAPE_BYTES;
  const field = (column: number, glue: Buffer | undefined) => {
    const wanted = spec.columns[column];
    bytes.writeUInt32LE(glue === undefined ? 0 : put(glue), entry);
    bytes.writeUInt32LE(glue?.length ?? 0, entry + 4);
    bytes.writeUInt32LE(kindOf(wanted), entry + 8);
    bytes.writeUInt32LE(columns[column]?.at ?? 0, entry + 12);
    bytes.writeUInt32LE(wanted?.required === true ? 1 : 0, entry + 16);
    bytes.writeUInt32LE(column >= 0 && column === spec.eventColumn ? 1 : 0, entry + 20);
    bytes.writeDoubleLE(wanted?.min ?? Number.NEGATIVE_INFINITY, entry + 24);
    bytes.writeDoubleLE(wanted?.max ?? Number.POSITIVE_INFINITY, entry + 32);
    entry += FIELD_BYTES;
  };
  for (const { column, glue } of fields) field(column, glue);
  const absentAt = at + entry;
  for (const column of absent) field(column, undefined);
  const shape = [at + SHAPE_BYTES, fields.length, put(tail), tail.length, absentAt, absent.length];
  for (const [i, value] of shape.entries()) bytes.writeUInt32LE(value, 4 * i);
  return at;
}

function kindOf(column: ScanColumn | undefined): number {
  if (column === undefined) return KIND.unknown;
  return column.type === 'text' && column.integerText ? KIND.integerText : KIND[column.type];
}

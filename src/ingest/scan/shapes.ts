import type { RecordColumns } from '../columns/record-columns.ts';
import { Shape, type ShapeField } from './fast-path.ts';
import type { RecordReader } from './record.ts';
import type { ScanSpec } from './spec.ts';
import type { Tally } from './tally.ts';

const MAX_SHAPES = 4;
const MAX_FIELDS = 256;
/** A full book takes a new shape after so many records that fitted none. */
const PATIENCE = 256;

/** The shapes that records were seen to have, the last one that fitted first. */
export class Shapes {
  #shapes: Shape[] = [];
  #strangers = 0;
  readonly #spec: ScanSpec;
  readonly #target: RecordColumns;
  readonly #columnOf = new Map<string, number>();

  constructor(spec: ScanSpec, target: RecordColumns) {
    this.#spec = spec;
    this.#target = target;
    for (const [i, column] of spec.columns.entries()) this.#columnOf.set(String(column.path[0]), i);
  }

  get current(): Shape | undefined {
    return this.#shapes[0];
  }

  get all(): readonly Shape[] {
    return this.#shapes;
  }

  /**
   * Takes note of a good record in `[start, end)` that `reader` has just read and the first shape did not fit: another
   * shape comes first if the record is of it, else the record's own shape is learnt. `tally` hears of shapes that leave.
   */
  settle(reader: RecordReader, tally: Tally, start: number, end: number): void {
    if (!this.#spec.shaped || reader.unknown.length > MAX_FIELDS) return;
    const full = this.#shapes.length >= MAX_SHAPES;
    if (full && ++this.#strangers < PATIENCE && this.#strangers % 8 !== 0) return;
    const shape = this.#shapeOf(reader, start, end);
    if (shape === undefined) return;
    const known = this.#shapes.findIndex((s) => s.equals(shape));
    if (known >= 0) {
      shape.release();
      if (known > 0) this.#shapes.unshift(...this.#shapes.splice(known, 1));
      return;
    }
    if (full) {
      if (this.#strangers < PATIENCE) {
        shape.release();
        return;
      }
      const leaving = this.#shapes.pop()!;
      tally.shape(leaving);
      leaving.release();
    }
    this.#strangers = 0;
    this.#shapes.unshift(shape);
  }

  #shapeOf(reader: RecordReader, start: number, end: number): Shape | undefined {
    const { syntax, unknown, missing } = reader;
    syntax.end = end;
    const { bytes } = syntax;
    const fields: ShapeField[] = [];
    let from = start;
    syntax.object(start, 0, (key, keyEnd, value, valueEnd) => {
      const name = JSON.parse(bytes.toString('utf8', key, keyEnd)) as string;
      fields.push({ glue: Buffer.from(bytes.subarray(from, value)), column: this.#columnOf.get(name) ?? -1 });
      from = valueEnd;
    });
    end = syntax.object(start, 0);
    if (fields.length === 0 || fields.length > MAX_FIELDS) return undefined;
    return new Shape(this.#spec, this.#target, fields, Buffer.from(bytes.subarray(from, end)), { unknown, missing });
  }
}

import { RecordColumns } from '../columns/record-columns.ts';
import type { RowGroupFile } from '../parquet/assemble.ts';
import type { RowGroup } from '../parquet/format.ts';
import { RowGroupEncoder } from '../parquet/row-group.ts';
import type { RecordSink } from './record-sink.ts';
import type { ScanSpec } from './spec.ts';
import { SpoolWriter } from './spool-writer.ts';

/**
 * The rows of one part after the other, as row groups in a spool file. Per part: `begin`, then records, then `end`. One
 * part is written at a time; what its row groups need of memory is used again for the next.
 */
export class PartRows implements RecordSink {
  readonly columns: RecordColumns;
  readonly #encoder = new RowGroupEncoder();
  #path = '';
  #spool: SpoolWriter | undefined;
  #groups: RowGroup[] = [];

  constructor(spec: ScanSpec) {
    this.columns = new RecordColumns(spec.columns.map((c) => c.type));
  }

  /** Starts a part anew whose row groups go to `path`; what was begun before is given up. */
  begin(path: string): void {
    this.abandon();
    this.#path = path;
  }

  flush(): void {
    if (this.columns.row === 0) return;
    const { group, bytes } = this.#encoder.encode(this.columns);
    this.#spool ??= new SpoolWriter(this.#path);
    this.#spool.write(bytes);
    this.#groups.push(group);
    this.columns.clear();
  }

  /** The part's file; undefined when it has no row. */
  end(): RowGroupFile | undefined {
    this.flush();
    if (this.#spool === undefined) return undefined;
    this.#spool.close();
    this.#spool = undefined;
    const groups = this.#groups;
    this.#groups = [];
    return { path: this.#path, groups };
  }

  /** Lets go of an open part. */
  abandon(): void {
    this.#spool?.close();
    this.#spool = undefined;
    this.#groups = [];
    this.columns.clear();
  }
}

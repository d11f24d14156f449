import type { StagingColumn } from '../../pipeline/column.ts';
import type { Framing, Staging } from '../../pipeline/tables.ts';
import type { PathStep } from '../json-paths.ts';

/** A record's bytes without its line end may be this long. */
export const MAX_RECORD_BYTES = 16 * 1024 * 1024;
/** Of a longer record at most this much raw text is kept; `detail` says so. */
export const MAX_RAW_BYTES = 64 * 1024 * 1024;
/** Objects and arrays nested deeper are malformed. */
export const MAX_DEPTH = 512;

/** One column to certify; `path` has one name per level, usually a single one. */
export interface ScanColumn {
  readonly name: string;
  readonly path: readonly PathStep[];
  readonly type: StagingColumn['type'];
  readonly required: boolean;
  readonly min?: number;
  readonly max?: number;
  readonly integerText: boolean;
}

/** What a scan has to know of a staging; plain data, so that it can be sent to a thread. */
export interface ScanSpec {
  readonly columns: readonly ScanColumn[];
  /** Index of the event-time column, or −1. */
  readonly eventColumn: number;
  readonly framing: Framing;
  /** Every column is a field of the top level, and its own: records have shapes that can be learnt. */
  readonly shaped: boolean;
}

/** The scan of a staging, its columns found by `paths` (of a jsonpaths file) or else by their fields. */
export function scanSpec(staging: Staging, paths?: readonly (readonly PathStep[])[]): ScanSpec {
  const columns = staging.columns.map(
    (c, i): ScanColumn => ({
      name: c.name,
      path: paths?.[i] ?? [c.field],
      type: c.type,
      required: c.required,
      integerText: c.integerText === true,
      ...(c.min === undefined ? {} : { min: c.min }),
      ...(c.max === undefined ? {} : { max: c.max }),
    }),
  );
  return {
    columns,
    eventColumn: columns.findIndex((c) => c.name === staging.eventTime),
    framing: staging.framing,
    shaped: columns.every((c) => c.path.length === 1) && new Set(columns.map((c) => c.path[0])).size === columns.length,
  };
}

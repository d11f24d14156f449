import { existsSync } from 'node:fs';
import { SparkifyError } from '../core/errors.ts';
import { ident, identList, literal, qualified } from '../core/quoting.ts';
import type { StagedSegment } from '../ingest/staged.ts';
import { recordSegment } from '../ledger/objects.ts';
import {
  type LedgerTransaction,
  ledgerTransaction,
  lockLedger,
  type ReservedIds,
  reserveIds,
} from '../ledger/transaction.ts';
import type { Staging } from '../pipeline/tables.ts';
import { BATCH_SCHEMA } from '../star/names.ts';
import type { RunState } from './run-state.ts';

/** What belongs to the recording of a segment besides itself. */
export interface StagedExtras {
  /** Ids of the objects that the segment's own belong to, in their order. */
  readonly parentIds?: readonly number[];
  /** Runs in the same transaction, after the objects have their ids. */
  readonly also?: (tx: LedgerTransaction, objectIds: readonly number[]) => Promise<void>;
}

/** Records a segment in the ledger and, where staging tables are tables, loads its rows, in one transaction. */
export async function recordStaged(
  state: RunState,
  staging: Staging,
  segment: StagedSegment,
  extras: StagedExtras = {},
): Promise<readonly number[]> {
  const { warehouse, pipeline, clock, failpoints } = state.options;
  failpoints.hit('stage.before');
  const record = async (tx: LedgerTransaction, reserved: ReservedIds): Promise<readonly number[]> => {
    requireThere(state, segment, await warehouse.segments.holds(segment.path));
    const { parentIds, also } = extras;
    const options = { nowMs: clock.nowMs(), ...(parentIds === undefined ? {} : { parentIds }) };
    const ids = await recordSegment(tx, pipeline.name, staging, segment, reserved, options);
    await also?.(tx, ids);
    return ids;
  };
  if (warehouse.capabilities.stagingInPlace) {
    const ids = await ledgerTransaction(warehouse, async (tx) =>
      record(tx, await reserveIds(tx, segment.objects.length)),
    );
    failpoints.hit('stage.after');
    return ids;
  }
  // The ledger's lock is taken after the load, so that loads can run side by side; the ids are reserved before.
  const reserved = await ledgerTransaction(warehouse, (tx) => reserveIds(tx, segment.objects.length));
  const ids = await warehouse.transaction(async (session) => {
    requireThere(state, segment, existsSync(`${warehouse.segments.directory}/${segment.path}`));
    const columns = ['_object', '_row', ...staging.columns.map((c) => c.name)];
    if (segment.rows > 0) {
      const places = `places:${reserved.segmentId}`;
      await withPlaces(state, places, segment, reserved, () =>
        warehouse
          .load(
            session,
            { schema: state.schema, name: staging.name, columns },
            stagingRows(state, staging, segment, qualified(BATCH_SCHEMA, places)),
          )
          .then(() => undefined),
      );
    }
    failpoints.hit('stage.loaded');
    return record(await lockLedger(session), reserved);
  });
  failpoints.hit('stage.after');
  return ids;
}

/**
 * A run that lost the pipeline's lock may find that its successor has cleared what it wrote; under the ledger's lock,
 * nobody clears it any more.
 */
function requireThere(state: RunState, segment: StagedSegment, isThere: boolean): void {
  if (isThere) return;
  throw new SparkifyError('WAREHOUSE_CONFLICT', {
    detail: `another run of ${state.options.pipeline.name} took over and cleared the unrecorded segment ${segment.path}`,
  });
}

/** Makes the places of a segment's objects known to the compute engine while the segment is loaded. */
async function withPlaces(
  state: RunState,
  name: string,
  segment: StagedSegment,
  ids: ReservedIds,
  work: () => Promise<void>,
): Promise<void> {
  const session = await state.options.warehouse.compute.connect();
  try {
    await session.exec(`create or replace table ${qualified(BATCH_SCHEMA, name)} (_object bigint, _first bigint)`);
    const rows = segment.objects.flatMap((o, i) => (o.staged > 0 ? [[ids.firstObjectId + i, o.firstRow]] : []));
    await session.insertRows(BATCH_SCHEMA, name, ['_object', '_first'], rows);
    await work();
    await session.exec(`drop table ${qualified(BATCH_SCHEMA, name)}`);
  } finally {
    session.close();
  }
}

function stagingRows(state: RunState, staging: Staging, segment: StagedSegment, places: string): string {
  const path = literal(`${state.options.warehouse.segments.directory}/${segment.path}`);
  return `select g._object, p.file_row_number - g._first as ${ident('_row')}, ${identList(
    staging.columns.map((c) => c.name),
    'p',
  )}
    from read_parquet(${path}, file_row_number = true) p asof join ${places} g on p.file_row_number >= g._first`;
}

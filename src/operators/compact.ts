import { randomBytes } from 'node:crypto';
import { closeSync, fsyncSync, openSync, renameSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { ident, literal } from '../core/quoting.ts';
import { pipelineFolder } from '../ingest/pipeline-folder.ts';
import { mirrorLedger } from '../ledger/mirror.ts';
import { ledger, ledgerTransaction, reserveIds } from '../ledger/transaction.ts';
import type { Staging } from '../pipeline/tables.ts';
import type { SqlSession } from '../warehouse/session.ts';
import { type RunOptions, type RunState, segmentsOf } from './run-state.ts';
import { withRun } from './with-run.ts';

export interface CompactionLimits {
  /** Segments below this many rows are small. @default 122,880, a row group */
  readonly smallRows: number;
  /** So many small ones are put together. @default 32 */
  readonly manySegments: number;
}

export const compactionDefaults: CompactionLimits = { smallRows: 122_880, manySegments: 32 };

interface Piece {
  readonly segment_id: number;
  readonly path: string;
  readonly size_bytes: number;
  readonly columns: string;
}

/**
 * Puts the small segments of each staging together when they are many: the rows of their objects that are still needed,
 * in order, in one new segment. In the ledger that changes where an object begins and nothing else. The old segments
 * are retired; their files go with a later run.
 */
export async function compactSegments(state: RunState, limits: CompactionLimits = compactionDefaults): Promise<number> {
  let made = 0;
  for (const staging of state.options.pipeline.stagings) made += await compactStaging(state, staging, limits);
  if (made > 0) await mirrorLedger(state.options.warehouse);
  return made;
}

async function compactStaging(state: RunState, staging: Staging, limits: CompactionLimits): Promise<number> {
  const { warehouse, pipeline, failpoints } = state.options;
  const found = await warehouse.read((s) =>
    s.all<Piece>(
      `select segment_id, path, size_bytes, columns from ${ledger('segments')} where pipeline = $1 and staging = $2 and state = 'live' and row_count < $3 order by segment_id`,
      [pipeline.name, staging.name, limits.smallRows],
    ),
  );
  // Only what was read alike is put together: what is known of the one is known of all.
  const small = found.filter((s) => s.columns === found.at(-1)!.columns);
  if (small.length < limits.manySegments) return 0;
  const ids = small.map((s) => s.segment_id).join(', ');
  const objects = await warehouse.read((s) => objectsIn(s, ids));
  const made = `${pipelineFolder(pipeline.name)}/${staging.name}/${String(state.options.clock.nowMs()).padStart(14, '0')}-c${small[0]!.segment_id}-${small.at(-1)!.segment_id}-${randomBytes(4).toString('hex')}.parquet`;
  const target = join(warehouse.segments.directory, made);
  await segmentsOf(state).bring(small.map((s) => ({ path: s.path, sizeBytes: s.size_bytes })));
  const rows = objects.reduce((sum, o) => sum + o.records_staged, 0);
  const session = state.session;
  await session.exec('create or replace temp table pieces (_n bigint, path varchar, _first bigint, _end bigint)');
  const pathOf = new Map(small.map((s) => [s.segment_id, `${warehouse.segments.directory}/${s.path}`]));
  const kept = objects.filter((o) => o.records_staged > 0);
  for (let i = 0; i < kept.length; i += 500) {
    const values = kept
      .slice(i, i + 500)
      .map(
        (o, n) =>
          `(${i + n}, ${literal(pathOf.get(o.segment_id)!)}, ${o.first_row}, ${o.first_row + o.records_staged})`,
      );
    await session.exec(`insert into pieces values ${values.join(', ')}`);
  }
  const columns = staging.columns.map((c) => `p.${ident(c.name)}`).join(', ');
  await session.exec(
    `copy (select ${columns} from read_parquet([${small.map((s) => literal(pathOf.get(s.segment_id)!)).join(', ')}], filename = true, file_row_number = true) p
       asof join pieces g on p.filename = g.path and p.file_row_number >= g._first where p.file_row_number < g._end
       order by g._n, p.file_row_number) to ${literal(`${target}.tmp`)} (format parquet)`,
  );
  makeDurable(`${target}.tmp`, target);
  const sizeBytes = statSync(target).size;
  const path = await warehouse.segments.keep(made, { failpoints, signal: state.options.signal });
  failpoints.hit('compact.before');
  const written = await ledgerTransaction(warehouse, async (tx) => {
    // Whoever lost the pipeline's lock meanwhile may have been overtaken: what was put together must be as it was.
    if (!isDeepStrictEqual(await objectsIn(tx.session, ids), objects)) return false;
    // And its successor clears what the ledger does not name, which under this lock it cannot do any more.
    if (!(await warehouse.segments.holds(path))) return false;
    const { segmentId } = await reserveIds(tx, 0);
    const events = kept.filter((o) => o.min_event_ms !== null);
    await tx.session.exec(
      `insert into ${ledger('segments')} (segment_id, pipeline, staging, path, row_count, size_bytes, columns, min_event_ms, max_event_ms, state, seq) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'live', $10)`,
      [
        segmentId,
        pipeline.name,
        staging.name,
        path,
        rows,
        sizeBytes,
        small[0]!.columns,
        events.length === 0 ? null : Math.min(...events.map((o) => o.min_event_ms!)),
        events.length === 0 ? null : Math.max(...events.map((o) => o.max_event_ms!)),
        tx.seq,
      ],
    );
    let first = 0;
    for (const o of objects) {
      await tx.session.exec(
        `update ${ledger('objects')} set segment_id = $1, first_row = $2, seq = $3 where object_id = $4`,
        [segmentId, first, tx.seq, o.object_id],
      );
      first += o.records_staged;
    }
    await tx.session.exec(`update ${ledger('segments')} set state = 'retired', seq = $1 where segment_id in (${ids})`, [
      tx.seq,
    ]);
    return true;
  });
  failpoints.hit('compact.after');
  if (!written) await warehouse.segments.remove([path]);
  return written ? 1 : 0;
}

interface Placed {
  readonly object_id: number;
  readonly segment_id: number;
  readonly first_row: number;
  readonly records_staged: number;
  readonly min_event_ms: number | null;
  readonly max_event_ms: number | null;
}

/** Objects of these segments that are still needed, in the order of their rows. */
async function objectsIn(session: SqlSession, segmentIds: string): Promise<readonly Placed[]> {
  return session.all<Placed>(
    `select object_id, segment_id, first_row, records_staged, min_event_ms, max_event_ms from ${ledger('objects')}
     where segment_id in (${segmentIds}) and state in ('live', 'staged') order by segment_id, first_row, object_id`,
  );
}

function makeDurable(temporary: string, target: string): void {
  for (const path of [temporary, dirname(target)]) {
    if (path === dirname(target)) renameSync(temporary, target);
    const fd = openSync(path, 'r');
    fsyncSync(fd);
    closeSync(fd);
  }
}

/** Compaction as a step of its own, under the pipeline's lock. */
export async function compactNow(options: RunOptions, limits: CompactionLimits = compactionDefaults): Promise<void> {
  await withRun(options, async (state) => {
    await compactSegments(state, limits);
  });
}

import { setImmediate as nextTurn } from 'node:timers/promises';
import { grouped } from '../core/grouped.ts';
import type { IsKnown } from '../ingest/chunk-scan.ts';
import { type IngestSummary, ingest } from '../ingest/ingest.ts';
import { pipelineFolder } from '../ingest/pipeline-folder.ts';
import type { StagedObject, StagedSegment } from '../ingest/staged.ts';
import { type KnownObject, touchObjects } from '../ledger/objects.ts';
import { ledgerTransaction } from '../ledger/transaction.ts';
import type { Staging } from '../pipeline/tables.ts';
import type { ListedObject, Listing } from '../sources/source.ts';
import { readoptSettlements } from './readopt.ts';
import { recordStaged } from './record-staged.ts';
import type { RunState, StageOutcome } from './run-state.ts';
import {
  type Comparison,
  compareWithLedger,
  listedTime,
  listObjects,
  looksSame,
  selectVersions,
} from './select-objects.ts';
import { compareLook } from './source-look.ts';
import { tellDrift } from './tell-findings.ts';

/**
 * Lists a staging's source, reads every object version the ledger does not know, and decides which versions enter and
 * which leave V with this run's publish. Each segment is recorded as soon as it is written: what was staged before a
 * failure is not read again.
 * @param turn nothing is written to the ledger before, so that ids follow the order of the tasks
 */
export async function runStage(
  state: RunState,
  task: string,
  staging: Staging,
  turn: Promise<void> = Promise.resolve(),
): Promise<string> {
  const { options } = state;
  if (options.rebuild === true && options.fromSources !== true) {
    state.stages.set(staging.name, {
      staging: staging.name,
      listed: 0,
      incoming: [],
      outgoing: [],
      abandoned: [],
      gone: [],
      pruned: 0,
      read: 0,
      staged: 0,
      quarantined: 0,
    });
    return 'rebuild: nothing is read';
  }
  const source = await options.openSource(staging.root);
  try {
    const listing = await listObjects(state, staging, source);
    const comparison = await compareWithLedger(state, staging, listing);
    const totals = { read: 0, staged: 0, quarantined: 0, objects: 0 };
    const { uris } = comparison;
    const recorded: number[] = [];
    const pending: Promise<void>[] = [];
    const drifted: StagedObject[] = [];
    const record = async (segment: StagedSegment): Promise<void> => {
      await turn;
      const ids = await recordStaged(state, staging, segment);
      for (const [i, o] of segment.objects.entries()) {
        recorded.push(ids[i]!);
        const known = uris.size === 0 ? undefined : uris.get(o.uri);
        if (known !== undefined) known.current = ids[i]!;
        if (hasDrift(o)) drifted.push(o);
        totals.read += o.read;
        totals.staged += o.staged;
        totals.quarantined += o.quarantined;
        totals.objects += 1;
      }
    };
    // Kept while the first objects are read.
    const told = () => tellLook(state, staging, listing, comparison, looksSame);
    const segments = ingest({
      staging,
      source,
      objects: comparison.toRead,
      segments: options.warehouse.segments,
      folder: pipelineFolder(options.pipeline.name),
      session: state.session,
      ...(options.fromSources === true ? {} : knownVersions(comparison)),
      failpoints: options.failpoints,
      progress: (done, total, unit) =>
        options.progress({ type: 'task.progress', task, detail: staging.name, done, total, unit }),
      signal: options.signal,
      threads: state.threads,
      ...(options.readText === undefined ? {} : { readText: options.readText }),
      ...(options.chunkBytes === undefined ? {} : { chunkBytes: options.chunkBytes }),
      ...(options.workers === undefined ? {} : { workers: options.workers }),
    });
    const summary = await forEachSegment(segments, told, async (segment) => {
      if (pending.length >= options.warehouse.capabilities.parallelLoads) await pending.shift();
      const work = record(segment);
      // A rejection is met again when the work is awaited; until then it must not count as unhandled.
      work.catch(() => undefined);
      pending.push(work);
      if (options.warehouse.capabilities.parallelLoads === 1) await pending.shift();
    });
    for (const work of pending) await work;
    await turn;
    tellDrift(state, staging, drifted);
    await noteUnchanged(state, comparison, summary);
    // What looked changed and was read proved to be as it was.
    if (summary.unchanged.length > 0)
      await tellLook(state, staging, listing, comparison, ({ uri }, live) => uris.get(uri)?.current === live.object_id);
    const readAgain = options.fromSources === true || comparison.outdated.size > 0;
    if (readAgain) await readoptSettlements(state, staging);
    const known = readAgain ? undefined : comparison.known;
    const outcome = await selectVersions(state, staging, listing, uris, recorded, known);
    const result: StageOutcome = {
      staging: staging.name,
      listedAtMs: listing.listedAtMs,
      listed: listing.objects.length,
      ...outcome,
      read: totals.read,
      staged: totals.staged,
      quarantined: totals.quarantined,
    };
    state.stages.set(staging.name, result);
    return describe(result, totals.objects);
  } finally {
    await source.close();
  }
}

const NOTHING_UNCHANGED: IngestSummary = { unchanged: [] };

/** @param meanwhile is done before the first segment is given to `each` */
async function forEachSegment(
  segments: AsyncGenerator<StagedSegment, IngestSummary>,
  meanwhile: () => Promise<void>,
  each: (segment: StagedSegment) => Promise<void>,
): Promise<IngestSummary> {
  let next = segments.next();
  try {
    next.catch(() => undefined);
    await nextTurn();
    await meanwhile();
    for (; ; next = segments.next()) {
      const found = await next;
      if (found.done === true) return found.value;
      await each(found.value);
    }
  } finally {
    await segments.return(NOTHING_UNCHANGED);
  }
}

async function tellLook(
  state: RunState,
  staging: Staging,
  listing: Listing,
  { known }: Comparison,
  isLive: (listed: ListedObject, live: KnownObject) => boolean,
): Promise<void> {
  const { onLook, pipeline, warehouse } = state.options;
  if (onLook === undefined) return;
  const at = { pipeline: pipeline.name, staging, listing, within: listedTime(state, staging) };
  await onLook(await compareLook(at, known, isLive, warehouse));
}

function knownVersions({ uris }: Comparison): { readonly isKnown?: IsKnown } {
  if (uris.size === 0) return {};
  return { isKnown: (uri, version) => uris.get(uri)?.versions.some((k) => k.version === version) === true };
}

/** Objects that were read only to learn that they are as they were: remember when they were looked at. */
async function noteUnchanged(state: RunState, { uris }: Comparison, summary: IngestSummary): Promise<void> {
  const touched: { objectId: number; mtimeMs: number | null }[] = [];
  for (const u of summary.unchanged) {
    const own = uris.get(u.uri);
    const known = own?.versions.findLast((k) => k.version === u.version);
    if (own === undefined || known === undefined) continue;
    own.current = known.object_id;
    touched.push({ objectId: known.object_id, mtimeMs: u.mtimeMs === undefined ? null : Math.trunc(u.mtimeMs) });
  }
  if (touched.length > 0)
    await ledgerTransaction(state.options.warehouse, (tx) => touchObjects(tx, touched, state.options.clock.nowMs()));
}

function describe(outcome: StageOutcome, objects: number): string {
  if (objects === 0) {
    const waiting = outcome.incoming.length;
    return waiting > 0
      ? `${grouped(waiting)} ${waiting === 1 ? 'object was' : 'objects were'} staged by an earlier run`
      : `nothing new in ${grouped(outcome.listed)} ${outcome.listed === 1 ? 'object' : 'objects'}`;
  }
  const quarantine = outcome.quarantined === 0 ? '' : `, ${grouped(outcome.quarantined)} in quarantine`;
  return `${grouped(outcome.staged)} records from ${grouped(objects)} of ${grouped(outcome.listed)} objects${quarantine}`;
}

function hasDrift(object: StagedObject): boolean {
  return Object.keys(object.drift.unknown).length + Object.keys(object.drift.missing).length > 0;
}

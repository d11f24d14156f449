import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { SparkifyError } from '../core/errors.ts';
import type { QuarantinedRecord, StagedSegment } from '../ingest/staged.ts';
import type { QuarantineState } from '../ledger/quarantine-view.ts';
import { type LedgerTransaction, ledger, ledgerTransaction } from '../ledger/transaction.ts';
import type { Staging } from '../pipeline/tables.ts';
import { correctionUri, keepCorrection, sha256Of, syncCorrections } from '../sources/corrections.ts';
import type { SqlSession } from '../warehouse/session.ts';
import type { Warehouse } from '../warehouse/warehouse.ts';
import type { RunOptions, RunState } from './run-state.ts';
import { recordStaged } from './stage.ts';
import { segmentOfTexts, type Text } from './stage-texts.ts';
import { withRun } from './with-run.ts';

/** A text that is to take the place of a quarantined record. */
export interface Correction {
  readonly id: number;
  /** One record, or several, framed as in an object of its staging. */
  readonly text: Uint8Array;
  readonly note?: string;
}

export interface SettledReport {
  /** Staged now; the next run publishes them, with the object they belong to. */
  readonly staged: readonly { readonly id: number; readonly objectId: number; readonly records: number }[];
  /** Were settled in the same way before. */
  readonly already: readonly number[];
  /** Replays that failed again; their reason in the quarantine is the new one. */
  readonly failed: readonly { readonly id: number; readonly reason: string; readonly detail: string }[];
}

interface Entry {
  readonly quarantine_id: number;
  readonly object_id: number;
  readonly staging: string;
  readonly object_state: string;
  readonly state: QuarantineState;
  readonly raw: Uint8Array;
  readonly replacement_uri: string | null;
}

interface Request extends Text {
  readonly entry: Entry;
  readonly note: string | null;
}

const IDS_PER_STATEMENT = 5_000;
const WRITES_AT_ONCE = 16;

async function entriesOf(session: SqlSession, pipeline: string, condition: string): Promise<readonly Entry[]> {
  return session.all<Entry>(
    `select q.quarantine_id, q.object_id, o.staging, o.state as object_state, q.state, q.raw, r.uri as replacement_uri
     from ${ledger('quarantine')} q join ${ledger('objects')} o on o.object_id = q.object_id
       left join ${ledger('objects')} r on r.object_id = q.replacement_id
     where q.pipeline = $1 and ${condition} order by q.quarantine_id`,
    [pipeline],
  );
}

/** @throws QUARANTINE_UNKNOWN */
async function entriesById(session: SqlSession, pipeline: string, ids: readonly number[]): Promise<readonly Entry[]> {
  const wanted = [...new Set(ids)];
  const found: Entry[] = [];
  for (let i = 0; i < wanted.length; i += IDS_PER_STATEMENT) {
    const part = wanted.slice(i, i + IDS_PER_STATEMENT).map(Math.trunc);
    found.push(...(await entriesOf(session, pipeline, `q.quarantine_id in (${part.join(', ')})`)));
  }
  const known = new Set(found.map((e) => e.quarantine_id));
  const missing = wanted.filter((id) => !known.has(id));
  if (missing.length > 0) throw new SparkifyError('QUARANTINE_UNKNOWN', { ids: missing.slice(0, 10), pipeline });
  return found;
}

/**
 * Records that these are not wanted; they stay in the quarantine with the note. Discarding twice changes nothing.
 * @returns the ids that were open until now
 * @throws QUARANTINE_UNKNOWN, QUARANTINE_SETTLED
 */
export async function discardRecords(
  warehouse: Warehouse,
  pipeline: string,
  ids: readonly number[],
  note?: string,
): Promise<readonly number[]> {
  return ledgerTransaction(warehouse, async (tx) => {
    const entries = await entriesById(tx.session, pipeline, ids);
    const settled = entries.find((e) => e.state !== 'quarantined' && e.state !== 'discarded');
    if (settled !== undefined) throw alreadySettled(settled, 'discarded');
    const open = entries.filter((e) => e.state === 'quarantined').map((e) => e.quarantine_id);
    for (let i = 0; i < open.length; i += IDS_PER_STATEMENT) {
      await tx.session.exec(
        `update ${ledger('quarantine')} set state = 'discarded', note = $1, seq = $2 where quarantine_id in (${open.slice(i, i + IDS_PER_STATEMENT).join(', ')})`,
        [note ?? null, tx.seq],
      );
    }
    return open;
  });
}

function alreadySettled(entry: Entry, action: string): SparkifyError {
  const state = entry.state === 'quarantined' ? 'part of an object version that was replaced' : entry.state;
  return new SparkifyError('QUARANTINE_SETTLED', { id: entry.quarantine_id, state, action });
}

/**
 * Puts new texts in the place of quarantined records: read and judged exactly as a file would be, all of them or none.
 * They are staged; the next run publishes them. The same correction again changes nothing.
 * @throws QUARANTINE_UNKNOWN, QUARANTINE_SETTLED, CORRECTION_INVALID
 */
export function correctRecords(options: RunOptions, corrections: readonly Correction[]): Promise<SettledReport> {
  return underLock(options, async (state) => {
    const byId = new Map(corrections.map((c) => [c.id, c]));
    const entries = await options.warehouse.read((s) => entriesById(s, options.pipeline.name, [...byId.keys()]));
    const requests = entries.map((entry) => {
      const { text, note } = byId.get(entry.quarantine_id)!;
      return requestOf(options, entry, text, note ?? null);
    });
    return settle(state, requests, 'corrected');
  });
}

/**
 * Reads the bytes of quarantined records again, under the definition as it is now. What is taken is staged; what fails
 * again stays, with its new reason.
 * @param ids default: all that are open
 * @throws QUARANTINE_UNKNOWN, QUARANTINE_SETTLED
 */
export function replayRecords(options: RunOptions, ids?: readonly number[]): Promise<SettledReport> {
  return underLock(options, async (state) => {
    const pipeline = options.pipeline.name;
    const entries = await options.warehouse.read((s) =>
      ids === undefined
        ? entriesOf(s, pipeline, "q.state = 'quarantined' and o.state in ('live', 'staged')")
        : entriesById(s, pipeline, ids),
    );
    return settle(
      state,
      entries.map((e) => requestOf(options, e, e.raw, null)),
      'replayed',
    );
  });
}

/** A changed definition is what replays are for, so it is no obstacle here. */
function underLock<T>(options: RunOptions, work: (state: RunState) => Promise<T>): Promise<T> {
  return withRun({ ...options, rebuild: true }, work);
}

function requestOf(options: RunOptions, entry: Entry, bytes: Uint8Array, note: string | null): Request {
  const sha256 = sha256Of(bytes);
  const uri = correctionUri(options.pipeline.name, entry.staging, entry.quarantine_id, sha256);
  return { uri, version: `sha256:${sha256}`, bytes, entry, note };
}

async function settle(
  state: RunState,
  requests: readonly Request[],
  outcome: 'corrected' | 'replayed',
): Promise<SettledReport> {
  const report = {
    staged: [] as SettledReport['staged'][number][],
    already: [] as number[],
    failed: [] as SettledReport['failed'][number][],
  };
  const open: Request[] = [];
  for (const r of requests) {
    if (r.entry.state === outcome && r.entry.replacement_uri === r.uri) report.already.push(r.entry.quarantine_id);
    else if (r.entry.state !== 'quarantined' || !['live', 'staged'].includes(r.entry.object_state))
      throw alreadySettled(r.entry, outcome);
    else open.push(r);
  }
  for (const staging of state.options.pipeline.stagings) {
    const own = open.filter((r) => r.entry.staging === staging.name);
    if (own.length === 0) continue;
    const { staged, failed } = await settleStaging(state, staging, own, outcome);
    report.staged.push(...staged);
    report.failed.push(...failed);
  }
  return report;
}

async function settleStaging(
  state: RunState,
  staging: Staging,
  requests: readonly Request[],
  outcome: 'corrected' | 'replayed',
): Promise<Pick<SettledReport, 'staged' | 'failed'>> {
  const { warehouse } = state.options;
  let segment = (await segmentOfTexts(state, staging, requests))!;
  const problems = problemsOf(segment, requests);
  const good = requests.filter((r) => !problems.has(r.uri));
  if (problems.size > 0) {
    // Only good records may stay in a segment of corrections.
    await rm(join(warehouse.segmentsDirectory, segment.path), { force: true });
    if (outcome === 'corrected') throw invalid(requests, problems);
    await ledgerTransaction(warehouse, (tx) => noteReasons(tx, requests, problems));
    if (good.length > 0) segment = (await segmentOfTexts(state, staging, good))!;
  }
  const failed = requests
    .filter((r) => problems.has(r.uri))
    .map((r) => ({ id: r.entry.quarantine_id, ...reasonOf(problems.get(r.uri)![0]) }));
  if (good.length === 0) return { staged: [], failed };

  await keepAll(state, good);
  const ids = await recordStaged(state, staging, segment, {
    parentIds: good.map((r) => r.entry.object_id),
    also: async (tx, objectIds) => {
      for (const [i, r] of good.entries()) {
        await tx.session.exec(
          `update ${ledger('quarantine')} set state = $1, note = $2, replacement_id = $3, seq = $4 where quarantine_id = $5`,
          [outcome, r.note, objectIds[i]!, tx.seq, r.entry.quarantine_id],
        );
      }
    },
  });
  const staged = good.map((r, i) => ({
    id: r.entry.quarantine_id,
    objectId: ids[i]!,
    records: segment.objects[i]!.staged,
  }));
  return { staged, failed };
}

/** By uri: why a text is not taken. A text without any record is none either. */
function problemsOf(
  segment: StagedSegment,
  requests: readonly Request[],
): ReadonlyMap<string, readonly (QuarantinedRecord | undefined)[]> {
  const problems = new Map<string, (QuarantinedRecord | undefined)[]>();
  for (const q of segment.quarantined) {
    const { uri } = requests[q.object]!;
    problems.set(uri, [...(problems.get(uri) ?? []), q]);
  }
  for (const [i, o] of segment.objects.entries()) if (o.read === 0) problems.set(requests[i]!.uri, [undefined]);
  return problems;
}

function reasonOf(problem: QuarantinedRecord | undefined): { readonly reason: string; readonly detail: string } {
  return problem === undefined
    ? { reason: 'malformed_json', detail: 'there is no record in it' }
    : { reason: problem.reason, detail: problem.detail };
}

function invalid(
  requests: readonly Request[],
  problems: ReadonlyMap<string, readonly (QuarantinedRecord | undefined)[]>,
): SparkifyError {
  const first = requests.find((r) => problems.has(r.uri))!;
  const texts = problems.get(first.uri)!.map((p) => {
    const { reason, detail } = reasonOf(p);
    return `${reason}${p?.column === undefined ? '' : ` in ${p.column}`}: ${detail}`;
  });
  return new SparkifyError('CORRECTION_INVALID', { id: first.entry.quarantine_id, problems: texts });
}

async function noteReasons(
  tx: LedgerTransaction,
  requests: readonly Request[],
  problems: ReadonlyMap<string, readonly (QuarantinedRecord | undefined)[]>,
): Promise<void> {
  for (const r of requests) {
    const problem = problems.get(r.uri)?.[0];
    if (problem === undefined) continue;
    await tx.session.exec(
      `update ${ledger('quarantine')} set reason = $1, column_name = $2, detail = $3, seq = $4 where quarantine_id = $5`,
      [problem.reason, problem.column ?? null, problem.detail, tx.seq, r.entry.quarantine_id],
    );
  }
}

/** The texts must outlast the segment: a rebuild from the sources reads them again. */
async function keepAll(state: RunState, requests: readonly Request[]): Promise<void> {
  const { warehouse, failpoints } = state.options;
  failpoints.hit('correction.before');
  for (let i = 0; i < requests.length; i += WRITES_AT_ONCE) {
    const part = requests.slice(i, i + WRITES_AT_ONCE);
    await Promise.all(part.map((r) => keepCorrection(warehouse.segmentsDirectory, r.uri, r.bytes)));
  }
  await syncCorrections(warehouse.segmentsDirectory, requests[0]!.uri);
  failpoints.hit('correction.after');
}

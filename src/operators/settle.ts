import { SparkifyError } from '../core/errors.ts';
import type { QuarantinedRecord, StagedSegment } from '../ingest/staged.ts';
import type { QuarantineState } from '../ledger/quarantine-view.ts';
import { type LedgerTransaction, ledger, ledgerTransaction } from '../ledger/transaction.ts';
import type { Framing, Staging } from '../pipeline/tables.ts';
import { keepCorrections } from '../segments/corrections.ts';
import { recordStaged } from './record-staged.ts';
import type { RunState } from './run-state.ts';
import { segmentOfTexts, type Text } from './stage-texts.ts';

const NEWLINE = 0x0a;

/** A record of the quarantine, and what took its place already. */
export interface Entry {
  readonly quarantine_id: number;
  readonly object_id: number;
  readonly staging: string;
  readonly object_state: string;
  readonly state: QuarantineState;
  readonly raw: Uint8Array;
  readonly replacement_uri: string | null;
}

/** A text that is to take the place of an entry. */
export interface Request extends Text {
  readonly entry: Entry;
  readonly note: string | null;
}

export interface Settled {
  readonly staged: readonly { readonly id: number; readonly objectId: number; readonly records: number }[];
  readonly failed: readonly { readonly id: number; readonly reason: string; readonly detail: string }[];
}

/** Reads texts in the place of quarantined records of one staging; what is replayed is judged as the line it was. */
export async function settleStaging(
  state: RunState,
  staging: Staging,
  requests: readonly Request[],
  outcome: 'corrected' | 'replayed',
  onFailure: 'throw' | 'note' | 'leave',
): Promise<Settled> {
  const isLine = ({ bytes }: Request): boolean =>
    outcome === 'replayed' && staging.framing === 'auto' && !bytes.includes(NEWLINE);
  const lines = requests.filter(isLine);
  const others = requests.filter((r) => !isLine(r));
  const settled: Settled[] = [];
  // By itself a line with two objects would look like two records in a layout of its own.
  if (lines.length > 0) settled.push(await settleAlike(state, staging, 'ndjson', lines, outcome, onFailure));
  if (others.length > 0) settled.push(await settleAlike(state, staging, staging.framing, others, outcome, onFailure));
  return { staged: settled.flatMap((s) => s.staged), failed: settled.flatMap((s) => s.failed) };
}

/**
 * Reads texts of one framing. Those that are taken become one segment, recorded
 * together with the outcome; killed before that, nothing has happened but files that nobody names.
 * @param onFailure what a text that is not taken means: an error, a new reason in the quarantine, or nothing
 * @throws CORRECTION_INVALID
 */
async function settleAlike(
  state: RunState,
  staging: Staging,
  framing: Framing,
  requests: readonly Request[],
  outcome: 'corrected' | 'replayed',
  onFailure: 'throw' | 'note' | 'leave',
): Promise<Settled> {
  const { warehouse } = state.options;
  const read = (texts: readonly Text[]): Promise<StagedSegment | undefined> =>
    segmentOfTexts(state, { ...staging, framing }, texts);
  let segment = (await read(requests))!;
  const problems = problemsOf(segment, requests);
  const good = requests.filter((r) => !problems.has(r.uri));
  if (problems.size > 0) {
    // Only good records may stay in a segment of corrections.
    await warehouse.segments.remove([segment.path]);
    if (onFailure === 'throw') throw invalid(requests, problems);
    if (onFailure === 'note') await ledgerTransaction(warehouse, (tx) => noteReasons(tx, requests, problems));
    if (good.length > 0) segment = (await read(good))!;
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
  await keepCorrections(warehouse.segments, requests);
  failpoints.hit('correction.after');
}

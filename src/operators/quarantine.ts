import { SparkifyError } from '../core/errors.ts';
import { ledger, ledgerTransaction } from '../ledger/transaction.ts';
import { correctionUri, sha256Of } from '../segments/corrections.ts';
import type { SqlSession } from '../warehouse/session.ts';
import type { Warehouse } from '../warehouse/warehouse.ts';
import type { RunOptions, RunState } from './run-state.ts';
import { type Entry, type Request, type Settled, settleStaging } from './settle.ts';
import { withRun } from './with-run.ts';

/** A text that is to take the place of a quarantined record. */
export interface Correction {
  readonly id: number;
  /** One record, or several, framed as in an object of its staging. */
  readonly text: Uint8Array;
  readonly note?: string;
}

/**
 * `staged`: the next run publishes these objects, with those they belong to. `failed`: replays that were not taken again;
 * their reason in the quarantine is the new one.
 */
export interface SettledReport extends Settled {
  /** Were settled in the same way before. */
  readonly already: readonly number[];
}

const IDS_PER_STATEMENT = 5_000;

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
  const done = (r: Request): boolean => r.entry.state === outcome && r.entry.replacement_uri === r.uri;
  const open = requests.filter((r) => !done(r));
  const closed = open.find(
    (r) => r.entry.state !== 'quarantined' || !['live', 'staged'].includes(r.entry.object_state),
  );
  if (closed !== undefined) throw alreadySettled(closed.entry, outcome);
  const results: Settled[] = [];
  for (const staging of state.options.pipeline.stagings) {
    const own = open.filter((r) => r.entry.staging === staging.name);
    if (own.length > 0)
      results.push(await settleStaging(state, staging, own, outcome, outcome === 'corrected' ? 'throw' : 'note'));
  }
  return {
    staged: results.flatMap((r) => r.staged),
    already: requests.filter(done).map((r) => r.entry.quarantine_id),
    failed: results.flatMap((r) => r.failed),
  };
}

import { ledger, ledgerTransaction } from '../ledger/transaction.ts';
import type { Staging } from '../pipeline/tables.ts';
import { correctionUri, readCorrection, sha256Of } from '../segments/corrections.ts';
import { type RunState, warn } from './run-state.ts';
import { type Request, settleStaging } from './settle.ts';

interface Settlement {
  readonly new_id: number;
  readonly new_object: number;
  readonly state: 'corrected' | 'replayed' | 'discarded';
  readonly note: string | null;
  readonly replacement_uri: string | null;
}

/**
 * When the same version of an object was read again (`--from-sources`, or by other rules before it was published), what people said about its rejected records is
 * said about those of the new reading: corrections and replays are read again too, from the bytes that were kept. Once
 * done, doing it again finds nothing to do.
 */
export async function readoptSettlements(state: RunState, staging: Staging): Promise<void> {
  const { warehouse, pipeline } = state.options;
  const said = await warehouse.read((s) =>
    s.all<Settlement>(
      `select n.quarantine_id as new_id, n.object_id as new_object, q.state, q.note, r.uri as replacement_uri
       from ${ledger('objects')} o
         join ${ledger('objects')} a on a.pipeline = o.pipeline and a.staging = o.staging and a.uri = o.uri and a.version = o.version and a.object_id > o.object_id
         join ${ledger('quarantine')} q on q.object_id = o.object_id
         join ${ledger('quarantine')} n on n.object_id = a.object_id and n.ordinal = q.ordinal and n.raw = q.raw
         left join ${ledger('objects')} r on r.object_id = q.replacement_id
       where o.pipeline = $1 and o.staging = $2 and o.state in ('live', 'staged') and a.state = 'staged' and q.state <> 'quarantined' and n.state = 'quarantined'
       order by n.quarantine_id, o.object_id`,
      [pipeline.name, staging.name],
    ),
  );
  // A version may have been read more than twice; the last that was said of a record stands.
  const found = [...new Map(said.map((s) => [s.new_id, s])).values()];
  const discarded = found.filter((f) => f.state === 'discarded');
  if (discarded.length > 0) {
    await ledgerTransaction(warehouse, async (tx) => {
      for (const d of discarded) {
        await tx.session.exec(
          `update ${ledger('quarantine')} set state = 'discarded', note = $1, seq = $2 where quarantine_id = $3`,
          [d.note, tx.seq, d.new_id],
        );
      }
    });
  }
  for (const outcome of ['corrected', 'replayed'] as const) {
    const requests: Request[] = [];
    for (const f of found.filter((f) => f.state === outcome)) {
      const bytes =
        f.replacement_uri === null ? undefined : await readCorrection(warehouse.segments, f.replacement_uri);
      if (bytes === undefined) {
        warn(
          state,
          `${staging.name}: the text of ${f.replacement_uri ?? 'a correction'} is gone; its record is in quarantine again`,
        );
        continue;
      }
      const sha256 = sha256Of(bytes);
      requests.push({
        uri: correctionUri(pipeline.name, staging.name, f.new_id, sha256),
        version: `sha256:${sha256}`,
        bytes,
        note: f.note,
        entry: {
          quarantine_id: f.new_id,
          object_id: f.new_object,
          staging: staging.name,
          object_state: 'staged',
          state: 'quarantined',
          raw: bytes,
          replacement_uri: null,
        },
      });
    }
    if (requests.length === 0) continue;
    const { failed } = await settleStaging(state, staging, requests, outcome, 'leave');
    if (failed.length > 0)
      warn(
        state,
        `${staging.name}: ${failed.length} ${outcome} records are no longer taken and are in quarantine again`,
      );
  }
}

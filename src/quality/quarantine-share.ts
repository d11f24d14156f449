import { literal } from '../core/quoting.ts';
import { ledger } from '../ledger/transaction.ts';
import type { StarContext } from '../star/context.ts';
import { batchTable } from '../star/names.ts';
import type { SqlSession } from '../warehouse/session.ts';

/** Objects with fewer records than this never stop a run. */
const SMALLEST_OBJECT = 100;

export interface OverQuarantined {
  readonly objectId: number;
  readonly staging: string;
  readonly uri: string;
  readonly read: number;
  /** Records still in quarantine: what was discarded, corrected or replayed no longer stops a run. */
  readonly quarantined: number;
  /** Share that would have been accepted. */
  readonly maxShare: number;
}

/**
 * Object versions of the batch, not yet published, with more of their records in quarantine than their staging accepts.
 * @param warehouse where the quarantine is kept; a compute engine that is only a mirror does not know what was settled
 */
export async function overQuarantined(
  context: StarContext,
  warehouse: SqlSession = context.session,
): Promise<readonly OverQuarantined[]> {
  const over: OverQuarantined[] = [];
  for (const staging of context.pipeline.stagings) {
    const suspects = await context.session.all<{ object_id: number; uri: string; r: number; q: number }>(
      `select o.object_id, o.uri, o.records_read as r, o.records_quarantined as q from ${ledger('objects')} o
       where o.pipeline = ${literal(context.pipeline.name)} and o.staging = ${literal(staging.name)} and o.state = 'staged'
         and o.object_id in (select object_id from ${batchTable(context.pipeline.name, 'in')})
         and o.records_read >= ${SMALLEST_OBJECT} and o.records_quarantined > ${staging.maxQuarantineShare} * o.records_read
       order by o.object_id`,
    );
    if (suspects.length === 0) continue;
    const settled = new Map(
      (
        await warehouse.all<{ object_id: number; n: number }>(
          `select object_id, count(*) as n from ${ledger('quarantine')} where state <> 'quarantined' and object_id in (${suspects.map((s) => s.object_id).join(', ')}) group by object_id`,
        )
      ).map((s) => [s.object_id, s.n]),
    );
    for (const s of suspects) {
      const quarantined = s.q - (settled.get(s.object_id) ?? 0);
      if (quarantined <= staging.maxQuarantineShare * s.r) continue;
      over.push({
        objectId: s.object_id,
        staging: staging.name,
        uri: s.uri,
        read: s.r,
        quarantined,
        maxShare: staging.maxQuarantineShare,
      });
    }
  }
  return over;
}

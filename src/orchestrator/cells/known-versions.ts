import { type KnownObject, knownObjects } from '../../ledger/objects.ts';
import { ledgerFormat } from '../../ledger/transaction.ts';
import type { Warehouse } from '../../warehouse/warehouse.ts';

/** Live and staged versions of a staging; none where there is no ledger yet. */
export async function knownVersions(
  warehouse: Pick<Warehouse, 'read'>,
  pipeline: string,
  staging: string,
): Promise<readonly KnownObject[]> {
  return warehouse.read(async (session) =>
    (await ledgerFormat(session)) === undefined ? [] : knownObjects(session, pipeline, staging),
  );
}

import { type KnownObject, knownObjects } from '../../ledger/objects.ts';
import { ledger, ledgerFormat } from '../../ledger/transaction.ts';
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

/** The stagings of which some version is live. */
export async function publishedStagings(
  warehouse: Pick<Warehouse, 'read'>,
  pipeline: string,
): Promise<readonly string[]> {
  const rows = await warehouse.read(async (session) =>
    (await ledgerFormat(session)) === undefined
      ? []
      : session.all<{ staging: string }>(
          `select distinct staging from ${ledger('objects')} where pipeline = $1 and state = 'live' order by staging`,
          [pipeline],
        ),
  );
  return rows.map((row) => row.staging);
}

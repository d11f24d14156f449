import type { Interval } from '../../pipeline/interval.ts';
import { listOf, sqlWords } from '../runs/sql-words.ts';
import type { StoreReader, StoreTransaction } from '../store/store.ts';
import type { PendingLotRow } from '../store/tables.ts';

/**
 * A pending object, in its lot: its URI after the lot's root; its version, which files do not have before they are read; size in
 * bytes; time of change in ms, of a file; its name, where the root does not tell it.
 */
export type LotObject = readonly [
  uri: string,
  version: string | null,
  sizeBytes: number,
  mtimeMs: number | null,
  name?: string,
];

/** What the objects of a lot have in common. */
export type LotKind = Pick<PendingLotRow, 'root' | 'change' | 'start_ms' | 'end_ms' | 'listed_at_ms' | 'versioned'>;

export interface Lot extends LotKind {
  /** Undefined: not kept yet. */
  readonly lot?: number;
  readonly staging: string;
  readonly objects: readonly LotObject[];
}

/** So many objects are one row at most: some hundred kilobytes. */
const MOST_IN_LOT = 2_000;

/**
 * The lots of a pipeline in the order of stagings and time.
 * @param within only those that touch it, which are all of no period
 */
export async function readLots(
  db: StoreReader,
  pipeline: string,
  of: { readonly staging?: string; readonly change?: Lot['change']; readonly within?: Interval | undefined } = {},
): Promise<readonly Lot[]> {
  const { staging, change, within } = of;
  let query = db
    .selectFrom('pending_lots')
    .select(['lot', 'staging', 'root', 'change', 'start_ms', 'end_ms', 'listed_at_ms', 'versioned', 'objects_json'])
    .where('pipeline', '=', pipeline);
  if (staging !== undefined) query = query.where('staging', '=', staging);
  if (change !== undefined) query = query.where('change', '=', change);
  if (within !== undefined)
    query = query.where((e) =>
      e.or([e('start_ms', 'is', null), e.and([e('start_ms', '<', within.endMs), e('end_ms', '>', within.startMs)])]),
    );
  const rows = await query.orderBy('staging').orderBy('start_ms').orderBy('lot').execute();
  return rows.map(({ objects_json, ...row }) => ({ ...row, objects: JSON.parse(objects_json) as LotObject[] }));
}

/** Nobody else changes what is pending of the staging until this transaction ends. */
export async function lockLots(tx: StoreTransaction, pipeline: string, staging: string): Promise<void> {
  const { forUpdate } = sqlWords(tx.capabilities);
  if (forUpdate !== '')
    await tx.all(`select 1 as found from listings where pipeline = $1 and staging = $2${forUpdate}`, [
      pipeline,
      staging,
    ]);
}

/** Puts lots in the place of others; one that is as it was stays. The numbers of lots only grow. */
export async function replaceLots(
  tx: StoreTransaction,
  pipeline: string,
  before: readonly Lot[],
  after: readonly Lot[],
): Promise<void> {
  const kept = new Set(after.map((lot) => lot.lot));
  const gone = before.flatMap(({ lot }) => (lot === undefined || kept.has(lot) ? [] : [lot]));
  await removeLots(tx, gone);
  for (const { lot, staging, root, change, start_ms, end_ms, listed_at_ms, versioned, objects } of after)
    if (lot === undefined)
      tx.send(
        `insert into pending_lots (pipeline, staging, root, change, start_ms, end_ms, listed_at_ms, versioned, objects_json)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
        [pipeline, staging, root, change, start_ms, end_ms, listed_at_ms, versioned, JSON.stringify(objects)],
      );
}

export async function removeLots(tx: StoreTransaction, lots: readonly number[]): Promise<void> {
  if (lots.length === 0) return;
  await tx.run(`delete from pending_lots where lot ${sqlWords(tx.capabilities).amongIds('$1')}`, [listOf(lots)]);
}

/** Sorts objects into new lots. */
export class LotSorter {
  readonly #staging: string;
  readonly #kinds = new Map<string, { readonly kind: LotKind; readonly objects: LotObject[] }>();
  #last: { readonly kind: LotKind; readonly objects: LotObject[] } | undefined;

  constructor(staging: string) {
    this.#staging = staging;
  }

  add(kind: LotKind, object: LotObject): void {
    // Neighbours are mostly alike.
    if (this.#last === undefined || !alike(this.#last.kind, kind)) {
      const { root, change, start_ms, end_ms, listed_at_ms, versioned } = kind;
      const key = `${root} ${change} ${start_ms} ${end_ms} ${listed_at_ms} ${versioned}`;
      this.#last = this.#kinds.get(key);
      if (this.#last === undefined) {
        this.#last = { kind: { root, change, start_ms, end_ms, listed_at_ms, versioned }, objects: [] };
        this.#kinds.set(key, this.#last);
      }
    }
    this.#last.objects.push(object);
  }

  lots(): readonly Lot[] {
    return [...this.#kinds.values()].flatMap(({ kind, objects }) => {
      const lots: Lot[] = [];
      for (let from = 0; from < objects.length; from += MOST_IN_LOT)
        lots.push({ ...kind, staging: this.#staging, objects: objects.slice(from, from + MOST_IN_LOT) });
      return lots;
    });
  }
}

function alike(a: LotKind, b: LotKind): boolean {
  return (
    a.root === b.root &&
    a.change === b.change &&
    a.start_ms === b.start_ms &&
    a.end_ms === b.end_ms &&
    a.listed_at_ms === b.listed_at_ms &&
    a.versioned === b.versioned
  );
}

import { listOf, type SqlWords } from '../runs/sql-words.ts';
import type { StoreTransaction } from '../store/store.ts';

/** What is free in pools while tasks of one claim are picked. */
export class PoolRoom {
  readonly #pools: ReadonlyMap<string, { readonly slots: number; free: number }>;
  readonly #closed = new Set<string>();

  constructor(pools: Iterable<{ readonly name: string; readonly slots: number; readonly used: number }>) {
    this.#pools = new Map([...pools].map(({ name, slots, used }) => [name, { slots, free: slots - used }]));
  }

  /** The pools in which at least one slot is free. */
  withRoom(): readonly string[] {
    return [...this.#pools].filter(([, { free }]) => free > 0).map(([name]) => name);
  }

  /**
   * Takes a task's slots, if they are free. A task that has to wait for them keeps the less urgent ones of its pool waiting
   * too, or it might wait for ever; one that asks for more than the pool has keeps nobody waiting.
   */
  take(pool: string | null, slots: number): boolean {
    if (pool === null) return true;
    const room = this.#pools.get(pool);
    if (room === undefined || slots > room.slots || this.#closed.has(pool)) return false;
    if (slots > room.free) {
      this.#closed.add(pool);
      return false;
    }
    room.free -= slots;
    return true;
  }
}

const USED = `(select cast(coalesce(sum(t.pool_slots), 0) as bigint) from tasks t where t.pool = p.name and t.state = 'running')`;

/** All pools and what is used of them just now; others may be claiming at the same time. */
export async function readPools(tx: StoreTransaction): Promise<PoolRoom> {
  return new PoolRoom(
    await tx.all<{ name: string; slots: number; used: number }>(`select p.name, p.slots, ${USED} as used from pools p`),
  );
}

/**
 * The named pools, locked until the transaction ends: nobody else takes slots of them meanwhile. The count is a statement of
 * its own after the lock, so that it sees what those before us have taken.
 */
export async function lockPools(tx: StoreTransaction, words: SqlWords, names: Iterable<string>): Promise<PoolRoom> {
  const wanted = new Set(names);
  if (wanted.size === 0) return new PoolRoom([]);
  const parameter = listOf(wanted);
  const among = `p.name ${words.amongNames('$1')}`;
  if (words.forUpdate !== '')
    await tx.all(`select p.name from pools p where ${among} order by p.name${words.forUpdate}`, [parameter]);
  return new PoolRoom(
    await tx.all<{ name: string; slots: number; used: number }>(
      `select p.name, p.slots, ${USED} as used from pools p where ${among}`,
      [parameter],
    ),
  );
}

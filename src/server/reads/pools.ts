import { SparkifyError } from '../../core/errors.ts';
import type { StoreReader } from '../../orchestrator/store/store.ts';
import type { Answer, Call } from '../api.ts';

/** Of what runs in a pool at most so many are named. */
const NAMED = 100;

type Pool = Answer<'setPool'>;

export async function listPools({ store }: Call<'listPools'>): Promise<Answer<'listPools'>> {
  const rows = await store.db.selectFrom('pools').select('name').orderBy('name').execute();
  return { items: await Promise.all(rows.map(({ name }) => poolOf(store.db, name))) };
}

/** Makes a pool or changes its slots; what runs in it already goes on. */
export async function setPool({ store, params, body }: Call<'setPool'>): Promise<Pool> {
  if (!/^[\p{L}\p{N}][\p{L}\p{N}_.-]*$/u.test(params.pool))
    throw new SparkifyError('REQUEST_INVALID', {
      problems: ['path.pool is no name: it begins with a letter or digit and goes on with those, "_", "-" and "."'],
    });
  return store.write(async ({ db }) => {
    await db
      .insertInto('pools')
      .values({ name: params.pool, slots: body.slots, from_config: 0 })
      .onConflict((c) => c.column('name').doUpdateSet({ slots: body.slots, from_config: 0 }))
      .execute();
    return poolOf(db, params.pool);
  });
}

async function poolOf(db: StoreReader, name: string): Promise<Pool> {
  const { slots, from_config } = await db
    .selectFrom('pools')
    .select(['slots', 'from_config'])
    .where('name', '=', name)
    .executeTakeFirstOrThrow();
  const running = await db
    .selectFrom('tasks')
    .select(['run_id', 'pipeline', 'task', 'map_index', 'pool_slots'])
    .where('pool', '=', name)
    .where('state', '=', 'running')
    .orderBy('id')
    .limit(NAMED)
    .execute();
  return {
    name,
    slots,
    used: await slotsIn(db, name, 'running'),
    waiting: await slotsIn(db, name, 'ready'),
    fromConfig: from_config === 1,
    running: running.map((t) => ({
      run: t.run_id,
      pipeline: t.pipeline,
      task: t.task,
      mapIndex: t.map_index,
      slots: t.pool_slots,
    })),
  };
}

async function slotsIn(db: StoreReader, pool: string, state: 'running' | 'ready'): Promise<number> {
  const { slots } = await db
    .selectFrom('tasks')
    .select((eb) => eb.fn.sum('pool_slots').as('slots'))
    .where('pool', '=', pool)
    .where('state', '=', state)
    .executeTakeFirstOrThrow();
  return Number(slots ?? 0);
}

import { sql } from 'kysely';
import type { Store } from '../store.ts';
import { type Bounds, CANDIDATES, UNFINISHED_BACKFILLS } from './bounds.ts';

/** One old backfill whose runs are gone, with its cells; how many: 1 or 0. */
export function removeBackfills(store: Store, { runsBeforeMs, keep }: Bounds): Promise<number> {
  return store.write(async ({ db }) => {
    const { numDeletedRows } = await db
      .deleteFrom('backfills')
      .where('id', 'in', (e) =>
        e
          .selectFrom('backfills as b')
          .select('b.id')
          .where('b.finished_at_ms', '<', runsBeforeMs)
          .where('b.state', 'not in', UNFINISHED_BACKFILLS)
          .where((x) =>
            x.not(x.exists(x.selectFrom('runs as r').select('r.id').whereRef('r.backfill_id', '=', 'b.id'))),
          )
          .where('b.id', '<', (x) =>
            x
              .selectFrom('backfills as n')
              .select('n.id')
              .whereRef('n.pipeline', '=', 'b.pipeline')
              .orderBy('n.id', 'desc')
              .limit(1)
              .offset(keep - 1)
              .$asScalar(),
          )
          .orderBy('b.id')
          .limit(1),
      )
      .executeTakeFirst();
    return Number(numDeletedRows);
  });
}

/** Versions of graphs that no pipeline, run or backfill refers to; how many. */
export async function removeVersions(store: Store, { runsBeforeMs }: Bounds): Promise<number> {
  const unused = await store.db
    .selectFrom('pipeline_versions as v')
    .select(['v.pipeline', 'v.version'])
    .where('v.created_at_ms', '<', runsBeforeMs)
    .where((e) =>
      e.and(
        (['pipelines', 'runs', 'backfills'] as const).map((table) => {
          const column = table === 'pipelines' ? 'name' : 'pipeline';
          return e.not(
            e.exists(
              sql`(select 1 from ${sql.table(table)} where ${sql.ref(`${table}.${column}`)} = v.pipeline and ${sql.ref(`${table}.version`)} = v.version)`,
            ),
          );
        }),
      ),
    )
    .limit(CANDIDATES)
    .execute();
  if (unused.length === 0) return 0;
  return store.write(async ({ db }) => {
    let removed = 0;
    for (const { pipeline, version } of unused) {
      const used = await db
        .selectFrom('runs')
        .select('id')
        .where('pipeline', '=', pipeline)
        .where('version', '=', version)
        .limit(1)
        .executeTakeFirst();
      if (used !== undefined) continue;
      const { numDeletedRows } = await db
        .deleteFrom('pipeline_versions')
        .where('pipeline', '=', pipeline)
        .where('version', '=', version)
        .executeTakeFirst();
      removed += Number(numDeletedRows);
    }
    return removed;
  });
}

import { graphOf } from '../../pipeline/graph-of.ts';
import type { Store, StoreTransaction } from '../store/store.ts';
import type { PipelineRow, PoolRow } from '../store/tables.ts';
import type { LoadedPipelines } from '../worker/definitions.ts';
import { declaredPools } from './declared-pools.ts';
import { type PipelineChange, type ProjectPipelines, pipelineChanges } from './pipeline-changes.ts';

export interface RegisterOptions {
  /** Slots of pools as the project's configuration has them; above what pipelines declare and what a command set. */
  readonly pools?: Readonly<Record<string, number>>;
}

/**
 * Writes down which pipelines the project has now: new versions, those that do not load and why, those that are gone or back.
 * Their runs, cells and the schedule's memory stay. Pipelines that disagree about a pool are broken; the others run on.
 * Changes nothing when nothing changed.
 */
export async function registerPipelines(
  store: Store,
  loaded: LoadedPipelines,
  options: RegisterOptions = {},
): Promise<void> {
  const all = loaded.resolved.map((pipeline) => graphOf(pipeline));
  const pools = declaredPools(all, options.pools ?? {});
  const project: ProjectPipelines = {
    graphs: all.filter((g) => !pools.disagreeing.has(g.pipeline)),
    broken: [...loaded.broken, ...[...pools.disagreeing].map(([name, error]) => ({ name, error }))],
  };
  const known = await store.db.selectFrom('pipelines').select(['name', 'version', 'state', 'error_json']).execute();
  const knownPools = await store.db.selectFrom('pools').selectAll().execute();
  // A pool that nobody declares any more is left to commands; while a pipeline does not load, nobody knows what it declares.
  const whole = project.broken.length === 0;
  const samePools = poolChanges(knownPools, pools.slots, whole).length === 0;
  if (samePools && pipelineChanges(known, project).length === 0) return;
  await store.write(async (tx) => {
    const lock = tx.capabilities.skipLocked ? ' for update' : '';
    const rows = await tx.all<PipelineRow>(`select * from pipelines order by name${lock}`);
    for (const change of pipelineChanges(rows, project)) await writeChange(tx, change);
    const poolRows = await tx.all<PoolRow>(`select * from pools order by name${lock}`);
    const changed = poolChanges(poolRows, pools.slots, whole);
    for (const pool of changed) await writePool(tx, pool);
    if (changed.length > 0) await tryAgain(tx);
  });
}

async function writeChange(tx: StoreTransaction, change: PipelineChange): Promise<void> {
  switch (change.kind) {
    case 'active':
      return writeActive(tx, change);
    case 'broken': {
      const { name, error, errorJson } = change;
      const written = await tx.run(
        `insert into pipelines (name, version, semantic_version, state, error_json, paused, updated_at_ms)
         values ($1, '', '', 'broken', $2, 0, $3)
         on conflict (name) do update set state = 'broken', error_json = excluded.error_json,
           updated_at_ms = excluded.updated_at_ms
         where pipelines.state <> 'broken' or pipelines.error_json <> excluded.error_json`,
        [name, errorJson, tx.nowMs],
      );
      if (written === 0) return;
      return tx.emit({
        type: 'pipeline.broken',
        pipeline: name,
        error: { code: error.code, message: error.message },
      });
    }
    case 'gone':
      await tx.run("update pipelines set state = 'gone', error_json = null, updated_at_ms = $2 where name = $1", [
        change.name,
        tx.nowMs,
      ]);
      return tx.emit({ type: 'pipeline.gone', pipeline: change.name, by: undefined });
    case 'forgotten':
      await tx.run("delete from pipelines where name = $1 and version = ''", [change.name]);
      return tx.emit({ type: 'pipeline.gone', pipeline: change.name, by: undefined });
  }
}

async function writeActive(
  tx: StoreTransaction,
  { graph, known }: Extract<PipelineChange, { readonly kind: 'active' }>,
): Promise<void> {
  const { pipeline, version, semanticVersion } = graph;
  // Of two that begin on an empty store at once, the second one finds nothing to say.
  const written = await tx.run(
    `insert into pipelines (name, version, semantic_version, state, paused, updated_at_ms)
     values ($1, $2, $3, 'active', 0, $4)
     on conflict (name) do update set version = excluded.version, semantic_version = excluded.semantic_version,
       state = 'active', error_json = null, updated_at_ms = excluded.updated_at_ms
     where pipelines.version <> excluded.version or pipelines.state <> 'active'`,
    [pipeline, version, semanticVersion, tx.nowMs],
  );
  await tx.run(
    `insert into pipeline_versions (pipeline, version, semantic_version, graph_json, created_at_ms)
     values ($1, $2, $3, $4, $5) on conflict do nothing`,
    [pipeline, version, semanticVersion, JSON.stringify(graph), tx.nowMs],
  );
  if (written === 0) return;
  if (known?.version !== version) tx.emit({ type: 'pipeline.changed', pipeline, version, semanticVersion });
  if (known === undefined) return;
  const was = known.state === 'active' && known.error_json !== null ? 'broken' : known.state;
  if (was !== 'active') tx.emit({ type: 'pipeline.back', pipeline, was });
}

/** What could not be made for want of a pool may be possible now. */
async function tryAgain(tx: StoreTransaction): Promise<void> {
  const rows = await tx.all<{ name: string }>(
    "update pipelines set error_json = null where state = 'active' and error_json is not null returning name",
  );
  for (const { name } of rows) tx.emit({ type: 'pipeline.back', pipeline: name, was: 'broken' });
}

interface PoolChange {
  readonly name: string;
  /** Undefined: it stays as it is, and is no longer from the project. */
  readonly slots: number | undefined;
}

function poolChanges(
  rows: readonly PoolRow[],
  wanted: ReadonlyMap<string, number>,
  whole: boolean,
): readonly PoolChange[] {
  const known = new Map(rows.map((row) => [row.name, row]));
  const changes = [...wanted]
    .filter(([name, slots]) => known.get(name)?.slots !== slots || known.get(name)?.from_config !== 1)
    .map(([name, slots]): PoolChange => ({ name, slots }));
  const left = rows.filter((row) => whole && row.from_config === 1 && !wanted.has(row.name));
  return [...changes, ...left.map(({ name }) => ({ name, slots: undefined }))].sort((a, b) =>
    a.name < b.name ? -1 : 1,
  );
}

async function writePool(tx: StoreTransaction, { name, slots }: PoolChange): Promise<void> {
  if (slots === undefined) await tx.run('update pools set from_config = 0 where name = $1', [name]);
  else
    await tx.run(
      `insert into pools (name, slots, from_config) values ($1, $2, 1)
       on conflict (name) do update set slots = excluded.slots, from_config = 1`,
      [name, slots],
    );
}

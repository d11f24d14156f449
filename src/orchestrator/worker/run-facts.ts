import type { Interval } from '../../pipeline/interval.ts';
import type { RunRequest } from '../model/run-request.ts';
import type { StoreReader } from '../store/store.ts';
import type { RunRow } from '../store/tables.ts';

/** What never changes of a run: enough to carry out its tasks. */
export interface RunFacts {
  readonly id: number;
  readonly pipeline: string;
  readonly kind: RunRow['kind'];
  readonly interval: Interval;
  readonly request: RunRequest;
  /** Of the definition it began with. */
  readonly semanticVersion: string;
  readonly createdAtMs: number;
}

/** Runs that are kept in memory; more are read again when they are needed. */
const MAX_KEPT = 10_000;

/** What is known of runs, read once for each. */
export class KnownRuns {
  readonly #db: StoreReader;
  readonly #kept = new Map<number, RunFacts>();

  constructor(db: StoreReader) {
    this.#db = db;
  }

  /** The facts of these runs, by id; in one question for all that are new. */
  async of(ids: Iterable<number>): Promise<ReadonlyMap<number, RunFacts>> {
    const wanted = [...new Set(ids)];
    const missing = wanted.filter((id) => !this.#kept.has(id));
    if (missing.length > 0) {
      if (this.#kept.size + missing.length > MAX_KEPT) this.#kept.clear();
      for (const facts of await readFacts(this.#db, missing)) this.#kept.set(facts.id, facts);
    }
    const found = new Map<number, RunFacts>();
    for (const id of wanted) {
      const facts = this.#kept.get(id);
      if (facts !== undefined) found.set(id, facts);
    }
    return found;
  }

  /** A run that was taken to another version is read again. */
  forget(id: number): void {
    this.#kept.delete(id);
  }
}

async function readFacts(db: StoreReader, ids: readonly number[]): Promise<readonly RunFacts[]> {
  const rows = await db
    .selectFrom('runs as r')
    .innerJoin('pipeline_versions as v', (join) =>
      join.onRef('v.pipeline', '=', 'r.pipeline').onRef('v.version', '=', 'r.version'),
    )
    .select([
      'r.id',
      'r.pipeline',
      'r.kind',
      'r.start_ms',
      'r.end_ms',
      'r.request_json',
      'r.created_at_ms',
      'v.semantic_version',
    ])
    .where('r.id', 'in', ids)
    .execute();
  return rows.map((r) => ({
    id: r.id,
    pipeline: r.pipeline,
    kind: r.kind,
    interval: { startMs: r.start_ms, endMs: r.end_ms },
    request: JSON.parse(r.request_json) as RunRequest,
    semanticVersion: r.semantic_version,
    createdAtMs: r.created_at_ms,
  }));
}

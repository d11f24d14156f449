import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { call, chain, definePipeline, resolvePipeline, z } from 'sparkify';
import { virtualTime } from '../../../src/core/timers.ts';
import { createRunGraphs } from '../../../src/orchestrator/runs/run-graph.ts';
import { openStore } from '../../../src/orchestrator/store/open-store.ts';
import type { Store } from '../../../src/orchestrator/store/store.ts';
import type { StoredRun } from '../../../src/orchestrator/store/tables.ts';
import type { PipelineOptions, ResolvedPipeline } from '../../../src/pipeline/define.ts';
import type { TaskSet } from '../../../src/pipeline/task.ts';

export const HOUR_MS = 3_600_000;
export const startMs = Date.UTC(2026, 0, 1);

export function pipelineOf(
  name: string,
  more: Partial<Omit<PipelineOptions<z.ZodObject>, 'name' | 'define'>> = {},
  tasks: TaskSet = chain(
    call('a', () => undefined),
    call('b', () => undefined),
  ),
): ResolvedPipeline {
  return resolvePipeline(
    definePipeline({ name, params: z.object({}), define: () => ({ stagings: [], tables: [], tasks }), ...more }),
    {},
  );
}

/** A store on virtual time, for nodes. */
export class NodeWorld {
  readonly directory = mkdtempSync(join(tmpdir(), 'sparkify-node-'));
  readonly time = virtualTime(startMs);
  readonly graphs = createRunGraphs();
  readonly #stores: Store[] = [];
  store!: Store;

  async open(): Promise<this> {
    this.store = await this.anotherStore();
    return this;
  }

  async anotherStore(): Promise<Store> {
    const store = await openStore(`sqlite:${join(this.directory, 'store.db')}`, { clock: this.time, pollMs: 5 });
    this.#stores.push(store);
    return store;
  }

  runs(pipeline?: string): Promise<readonly StoredRun[]> {
    let query = this.store.db.selectFrom('runs').selectAll().orderBy('start_ms').orderBy('id');
    if (pipeline !== undefined) query = query.where('pipeline', '=', pipeline);
    return query.execute();
  }

  async close(): Promise<void> {
    for (const store of this.#stores) await store.close();
    rmSync(this.directory, { recursive: true, force: true });
  }
}

import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, inject } from 'vitest';
import { fixedClock } from '../../src/core/clock.ts';
import { type OpenStoreOptions, openStore } from '../../src/orchestrator/store/open-store.ts';
import type { Store } from '../../src/orchestrator/store/store.ts';
import { administer } from '../postgres-server/database.ts';

export type StoreEngineName = 'sqlite' | 'postgres';

/** Where the virtual clock of every test begins. */
export const startMs = Date.UTC(2026, 0, 1);

export type VirtualClock = ReturnType<typeof fixedClock>;

export interface TestStore {
  readonly store: Store;
  /** Opens the same store once more. */
  readonly url: string;
  readonly clock: VirtualClock;
  /** A second `Store` on the same tables, as another process would have it; closed after the test. */
  another(options?: OpenStoreOptions): Promise<Store>;
}

/** A fresh store, closed and removed after the test. `clock` of the options replaces the virtual one. */
export type OpenTestStore = (options?: OpenStoreOptions) => Promise<TestStore>;

/**
 * A suite over both engines: SQLite in a temporary folder, and a schema of its own per test on the test run's PostgreSQL.
 * With `SPARKIFY_TEST_STORES=sqlite` (or `postgres`) only one of them.
 */
export function eachStore(suite: (engine: StoreEngineName, open: OpenTestStore) => void): void {
  const only = process.env.SPARKIFY_TEST_STORES;
  const engines: readonly StoreEngineName[] = ['sqlite', 'postgres'];
  for (const engine of engines.filter((e) => only === undefined || only === '' || e === only))
    describe(`store on ${engine}`, () => suite(engine, storeOpener(engine)));
}

/** The opener of one engine, within a `describe`. */
export function storeOpener(engine: StoreEngineName): OpenTestStore {
  const places = engine === 'sqlite' ? temporaryFiles() : freshSchemas();
  const open: Store[] = [];
  afterEach(async () => {
    await Promise.all(open.splice(0).map((store) => store.close()));
    await places.clear();
  });
  return async (options = {}) => {
    const clock = fixedClock(startMs);
    const url = places.next();
    const another = async (more: OpenStoreOptions = {}): Promise<Store> => {
      const store = await openStore(url, { clock, pollMs: 5, ...options, ...more });
      open.push(store);
      return store;
    };
    return { store: await another(), url, clock, another };
  };
}

interface Places {
  next(): string;
  clear(): Promise<void>;
}

function temporaryFiles(): Places {
  const folders: string[] = [];
  return {
    next: () => {
      const folder = mkdtempSync(join(tmpdir(), 'sparkify-store-'));
      folders.push(folder);
      return `sqlite:${join(folder, 'store.db')}`;
    },
    clear: async () => {
      for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Schemas cost a fraction of a database; they are dropped together at the end of the suite. */
function freshSchemas(): Places {
  const schemas: string[] = [];
  afterAll(async () => {
    for (const schema of schemas.splice(0))
      await administer(inject('postgresUrl'), `drop schema if exists ${schema} cascade`);
  });
  return {
    next: () => {
      const schema = `store_${randomBytes(6).toString('hex')}`;
      schemas.push(schema);
      return `${inject('postgresUrl')}?schema=${schema}`;
    },
    clear: async () => {},
  };
}

import { randomBytes } from 'node:crypto';
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
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

/** An empty store, closed and removed after the test. `clock` of the options replaces the virtual one. */
export type OpenTestStore = (options?: OpenStoreOptions) => Promise<TestStore>;

/**
 * A suite over both engines: SQLite in a temporary folder, and a schema of the test run's PostgreSQL.
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
  const places = engine === 'sqlite' ? temporaryFiles() : emptySchemas();
  const open: Store[] = [];
  afterEach(async () => {
    await Promise.all(open.splice(0).map((store) => store.close()));
    await places.clear();
  });
  return async (options = {}) => {
    const clock = fixedClock(startMs);
    const url = await places.next();
    const another = async (more: OpenStoreOptions = {}): Promise<Store> => {
      const store = await openStore(url, { clock, pollMs: 5, ...options, ...more });
      open.push(store);
      return store;
    };
    return { store: await another(), url, clock, another };
  };
}

/** URLs of stores that are not there yet, within a `describe`; removed after its last test. */
export function newStoreUrls(engine: StoreEngineName): () => string {
  const folder = mkdtempSync(join(tmpdir(), 'sparkify-store-'));
  const schemas: string[] = [];
  afterAll(async () => {
    rmSync(folder, { recursive: true, force: true });
    for (const schema of schemas) await administer(inject('postgresUrl'), `drop schema if exists ${schema} cascade`);
  });
  return () => {
    const name = `store_${randomBytes(6).toString('hex')}`;
    if (engine === 'sqlite') return `sqlite:${join(folder, name, 'store.db')}`;
    schemas.push(name);
    return `${inject('postgresUrl')}?schema=${name}`;
  };
}

interface Places {
  next(): Promise<string>;
  clear(): Promise<void>;
}

/** Each a copy of one file whose tables have been made. */
function temporaryFiles(): Places {
  const folders: string[] = [];
  let template: string | undefined;
  const folder = (): string => {
    const made = mkdtempSync(join(tmpdir(), 'sparkify-store-'));
    folders.push(made);
    return made;
  };
  const remove = (count: number): void => {
    for (const each of folders.splice(count)) rmSync(each, { recursive: true, force: true });
  };
  afterAll(() => remove(0));
  return {
    next: async () => {
      if (template === undefined) {
        template = join(folder(), 'template.db');
        await (await openStore(`sqlite:${template}`)).close();
      }
      const path = join(folder(), 'store.db');
      copyFileSync(template, path);
      return `sqlite:${path}`;
    },
    clear: async () => remove(1),
  };
}

/** Schemas are emptied and used again: to make the tables takes some hundred milliseconds. */
function emptySchemas(): Places {
  const free: string[] = [];
  const taken: string[] = [];
  let client: pg.Client | undefined;
  const execute = async (statement: string): Promise<void> => {
    if (client === undefined) {
      client = new pg.Client({ connectionString: inject('postgresUrl') });
      client.on('error', () => {});
      await client.connect();
    }
    await client.query(statement);
  };
  afterAll(async () => {
    for (const schema of [...free, ...taken]) await execute(`drop schema if exists ${schema} cascade`);
    await client?.end();
  });
  return {
    next: async () => {
      const schema = free.pop() ?? `store_${randomBytes(6).toString('hex')}`;
      taken.push(schema);
      return `${inject('postgresUrl')}?schema=${schema}`;
    },
    clear: async () => {
      for (const schema of taken.splice(0)) {
        await execute(emptying(schema));
        free.push(schema);
      }
    },
  };
}

/** As the migrations left it: no rows, and numbers from 1. */
function emptying(schema: string): string {
  return `do $$ declare name text; begin
    for name in select tablename from pg_tables where schemaname = '${schema}' and tablename <> 'migrations' loop
      execute format('delete from ${schema}.%I', name);
    end loop;
    perform setval(format('${schema}.%I', sequencename)::regclass, 1, false) from pg_sequences where schemaname = '${schema}';
  end $$`;
}

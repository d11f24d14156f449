import { constants, copyFileSync, cpSync, linkSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import pg from 'pg';
import { openWarehouse } from '../src/warehouse/open.ts';
import type { Warehouse } from '../src/warehouse/warehouse.ts';
import { startPostgresServer } from '../tests/postgres-server/server.ts';

/** Where one state of a warehouse is kept. */
export interface Place {
  readonly url: string;
  /** Environment of a command that is to work with it. */
  readonly env: Readonly<Record<string, string>>;
  open(): Promise<Warehouse>;
  remove(): Promise<void>;
}

/** An engine whose warehouses can be copied while nobody has them open. */
export interface Engine {
  readonly name: string;
  empty(name: string): Promise<Place>;
  copy(from: Place, name: string): Promise<Place>;
  close(): Promise<void>;
}

export function embeddedEngine(folder: string): Engine {
  const place = (name: string): Place & { readonly path: string } => {
    const path = join(folder, name, 'warehouse.duckdb');
    return {
      path,
      url: `duckdb:${path}`,
      env: {},
      open: () => openWarehouse(`duckdb:${path}`, { cwd: folder }),
      remove: async () => rmSync(dirname(path), { recursive: true, force: true }),
    };
  };
  return {
    name: 'DuckDB',
    empty: async (name) => place(name),
    copy: async (from, name) => {
      const target = place(name);
      copyWarehouse(dirname(from.url.slice('duckdb:'.length)), dirname(target.path));
      return target;
    },
    close: async () => undefined,
  };
}

/** A PostgreSQL of its own, which makes its commits durable. */
export async function postgresEngine(folder: string): Promise<Engine> {
  const server = await startPostgresServer({ fsync: true });
  const admin = server.url('postgres');
  const place = (name: string): Place & { readonly segments: string } => {
    const url = server.url(name);
    const segments = join(folder, name);
    return {
      url,
      segments,
      env: { SPARKIFY_SEGMENTS: segments },
      open: () => openWarehouse(url, { cwd: folder, segmentsDirectory: segments }),
      remove: async () => {
        await administer(admin, `drop database ${name} with (force)`);
        rmSync(segments, { recursive: true, force: true });
      },
    };
  };
  return {
    name: 'PostgreSQL',
    empty: async (name) => {
      await administer(admin, `create database ${name}`);
      return place(name);
    },
    copy: async (from, name) => {
      const target = place(name);
      await administer(
        admin,
        `create database ${name} template ${new URL(from.url).pathname.slice(1)} strategy file_copy`,
      );
      copyWarehouse(join(folder, new URL(from.url).pathname.slice(1)), target.segments);
      return target;
    },
    close: () => server.dispose(),
  };
}

async function administer(url: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}

/** Segments never change, so links to them do. */
function copyWarehouse(from: string, to: string): void {
  mkdirSync(to, { recursive: true });
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    const [source, target] = [join(from, entry.name), join(to, entry.name)];
    if (entry.isDirectory()) copyWarehouse(source, target);
    else if (entry.name.endsWith('.parquet')) linkSync(source, target);
    else if (entry.isFile()) copyFileSync(source, target, constants.COPYFILE_FICLONE);
    else cpSync(source, target, { recursive: true });
  }
}

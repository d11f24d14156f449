import { entry } from './entry.ts';

/** The warehouse, its connection and its statements. */
export const warehouseErrors = {
  // warehouse
  WAREHOUSE_BUSY: entry<{ path: string; holder: string }>(
    4,
    (p) => `The warehouse ${p.path} is in use by ${p.holder}.`,
    () => 'Wait until it has ended, or stop it; an embedded file belongs to one process at a time.',
  ),
  WAREHOUSE_HOLDER_ENDED: entry<{ path: string; pid: number }>(
    4,
    (p) => `Process ${p.pid}, through which ${p.path} was read, has ended before the reading did.`,
    () => 'Run the command again: the file is free now, or another process serves it.',
  ),
  WAREHOUSE_MISSING: entry<{ path: string }>(
    3,
    (p) => `There is no warehouse ${p.path} yet.`,
    () =>
      'A first run makes it: sparkify run PIPELINE. If it should be there, check --warehouse and the configuration.',
  ),
  WAREHOUSE_INVALID: entry<{ path: string; detail: string }>(
    3,
    (p) => `${p.path} is no DuckDB file that this version can read: ${p.detail}`,
    () => 'Name another file with --warehouse duckdb:PATH, or move this one away.',
  ),
  WAREHOUSE_OPEN_FAILED: entry<{ target: string; detail: string }>(
    4,
    (p) => `The warehouse ${p.target} cannot be opened: ${p.detail}`,
    () => 'Check the path or address and its permissions; `sparkify doctor` looks at each of them.',
  ),
  WAREHOUSE_URL_INVALID: entry<{ url: string; detail: string }>(
    2,
    (p) => `"${p.url}" names no warehouse: ${p.detail}`,
    () => 'Write duckdb:PATH or postgresql://user@host:port/database.',
  ),
  WAREHOUSE_AUTH_FAILED: entry<{ target: string; user: string; detail: string }>(
    4,
    (p) => `${p.target} does not let "${p.user}" in: ${p.detail}`,
    () =>
      'Check user and password. The password is taken from the URL, then SPARKIFY_PG_PASSWORD, PGPASSWORD, or a pass file (PGPASSFILE, ~/.pgpass) that only you may read.',
    { retryable: false },
  ),
  WAREHOUSE_DATABASE_MISSING: entry<{ target: string; database: string }>(
    4,
    (p) => `${p.target} has no database "${p.database}".`,
    (p) => `Create it (createdb ${p.database}), or name another one in the URL.`,
    { retryable: false },
  ),
  WAREHOUSE_UNREACHABLE: entry<{ target: string; detail: string }>(
    4,
    (p) => `${p.target} cannot be reached: ${p.detail}`,
    () => 'Check host and port in the URL, that the server runs, and that no firewall stands between.',
  ),
  WAREHOUSE_TLS_FAILED: entry<{ target: string; detail: string }>(
    4,
    (p) => `No trusted TLS connection to ${p.target}: ${p.detail}`,
    () =>
      'Name the authority that signed the server with sslrootcert=FILE in the URL; sslmode=disable gives up encryption and belongs into a trusted network only.',
    { retryable: false },
  ),
  WAREHOUSE_DENIED: entry<{ user: string; detail: string }>(
    3,
    (p) => `"${p.user}" may not do that: ${p.detail}`,
    (p) => `Let the owner of the database grant it, for example: grant create on database … to "${p.user}".`,
  ),
  WAREHOUSE_LOST: entry<{ target: string; detail: string }>(
    4,
    (p) => `The connection to ${p.target} was lost: ${p.detail}`,
    () => 'Run it again: what was not committed was rolled back, and what was staged is kept.',
  ),
  WAREHOUSE_CONFLICT: entry<{ detail: string }>(
    1,
    (p) => `Somebody else worked on the same rows or tables: ${p.detail}`,
    () => 'Run it again: nothing was published.',
    { retryable: true },
  ),
  COMMIT_UNKNOWN: entry<{ detail: string }>(
    4,
    (p) => `The connection was lost while committing, so the outcome is unknown: ${p.detail}`,
    () => 'Run it again: it reads the ledger first and carries on from what was committed.',
  ),
  SQL_FAILED: entry<{ detail: string; statement: string }>(
    1,
    (p) => `A statement failed: ${p.detail}`,
    (p) => `The statement begins: ${p.statement}`,
  ),
  DISK_FULL: entry<{ what: string }>(
    1,
    (p) => `The disk is full; ${p.what} could not be written.`,
    () => 'Free some space and run it again: nothing was published, and what was staged is kept.',
    { retryable: true },
  ),
} as const;

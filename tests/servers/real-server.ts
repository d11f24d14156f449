import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

export interface RealServer {
  readonly endpoint: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  stop(): Promise<void>;
}

interface Launch {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

type Keys = Pick<RealServer, 'accessKeyId' | 'secretAccessKey'>;

/** How to start each server on a port of the loopback, over empty folders. */
export const launches = {
  minio: (port: number, folder: string, keys: Keys): Launch => ({
    args: [
      'server',
      '--quiet',
      '--address',
      `127.0.0.1:${port}`,
      '--console-address',
      '127.0.0.1:0',
      join(folder, 'data'),
    ],
    env: { MINIO_ROOT_USER: keys.accessKeyId, MINIO_ROOT_PASSWORD: keys.secretAccessKey, MINIO_BROWSER: 'off' },
  }),
  versitygw: (port: number, folder: string, keys: Keys): Launch => ({
    args: ['--port', `127.0.0.1:${port}`, 'posix', '--versioning-dir', join(folder, 'versions'), join(folder, 'data')],
    env: { ROOT_ACCESS_KEY: keys.accessKeyId, ROOT_SECRET_KEY: keys.secretAccessKey },
  }),
} as const;

/** Starts a real server with random credentials on a free port and waits until it answers. */
export async function startRealServer(name: keyof typeof launches, binaries: string): Promise<RealServer> {
  const folder = mkdtempSync(join(tmpdir(), `sparkify-${name}-`));
  for (const part of ['data', 'versions']) mkdirSync(join(folder, part));
  const keys = { accessKeyId: `AK${randomBytes(8).toString('hex')}`, secretAccessKey: randomBytes(20).toString('hex') };
  const port = await freePort();
  const { args, env } = launches[name](port, folder, keys);
  const child = spawn(join(binaries, name), args, {
    env: { PATH: process.env.PATH ?? '', HOME: folder, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const endpoint = `http://127.0.0.1:${port}`;
  const stop = async (): Promise<void> => {
    await end(child);
    rmSync(folder, { recursive: true, force: true });
  };
  for (let attempt = 0; attempt < 300; attempt++) {
    if (child.exitCode !== null) break;
    const status = await fetch(endpoint)
      .then((r) => r.status)
      .catch(() => 0);
    if (status !== 0 && status < 500) return { endpoint, ...keys, stop };
    await delay(100);
  }
  await stop();
  throw new Error(`${name} does not answer:\n${output}`);
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return;
  const exited = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await exited;
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('no free port');
  return address.port;
}

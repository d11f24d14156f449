import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));

/** The built command. */
export const SPARKIFY = join(here, '..', 'bundle', 'bin.js');

/** A compiled script of this folder. */
export function script(name: string): string {
  return join(here, `${name}.js`);
}

/** One process from its start to its end. */
export interface Measured {
  readonly wallSeconds: number;
  /** User and system, all threads. */
  readonly cpuSeconds: number;
  readonly peakMb: number;
  readonly stdout: string;
}

/** Runs a program of this Node and measures it from outside. @throws when it fails, with what it said */
export async function measured(
  program: string,
  args: readonly string[],
  options: { readonly cwd: string; readonly env?: Readonly<Record<string, string>> },
): Promise<Measured> {
  const started = performance.now();
  const child = spawn(process.execPath, ['--import', script('report-usage'), program, ...args], {
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
  });
  let wallSeconds = 0;
  child.once('exit', () => {
    wallSeconds = (performance.now() - started) / 1000;
  });
  const [stdout, stderr, usage, [code]] = await Promise.all([
    text(child.stdout!),
    text(child.stderr!),
    text(child.stdio[3] as NodeJS.ReadableStream),
    once(child, 'close') as Promise<[number | null]>,
  ]);
  if (code !== 0) throw new Error(`${program} ${args.join(' ')} ended with ${code}:\n${stderr}\n${stdout}`);
  const { cpuSeconds, peakMb } = JSON.parse(usage) as { cpuSeconds: number; peakMb: number };
  return { wallSeconds, cpuSeconds, peakMb, stdout };
}

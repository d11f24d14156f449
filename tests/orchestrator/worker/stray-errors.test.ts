import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ensureBuilt } from '../../cli/built.ts';

const directory = mkdtempSync(join(tmpdir(), 'sparkify-stray-'));

beforeAll(ensureBuilt, 120_000);
afterAll(() => rmSync(directory, { recursive: true, force: true }));

test('an error that nobody catches fails the task whose code began it, and no other; one of nobody’s stops the node', async () => {
  const child = fileURLToPath(new URL('stray-child.mjs', import.meta.url));
  const { stdout } = await execa(process.execPath, [child, directory]);
  const { tasks, notes, fatal } = JSON.parse(stdout) as { tasks: unknown; notes: readonly string[]; fatal: string };
  expect(tasks).toEqual([
    ['rejects', 'failed', expect.stringContaining('nobody waits for this')],
    ['throws_later', 'failed', expect.stringContaining('in a callback')],
    ['over_before', 'succeeded', null],
    ['well', 'succeeded', null],
  ]);
  expect(notes).toEqual([
    expect.stringMatching(/^over_before of run 1, which has ended: .*after its end/),
    expect.stringContaining('of no task'),
  ]);
  expect(fatal).toBe('of no task');
});

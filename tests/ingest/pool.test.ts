import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type ScanPool, threadPool } from '../../src/ingest/scan/pool.ts';
import { type ScanSpec, scanSpec } from '../../src/ingest/scan/spec.ts';
import type { FetchedObject } from '../../src/sources/source.ts';
import { eventStaging } from './event-staging.ts';
import { songStaging } from './song-staging.ts';

let directory: string;
let pool: ScanPool;
let ended: string[];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'sparkify-pool-'));
  pool = threadPool(1);
  ended = [];
});

afterEach(async () => {
  await pool.close();
  rmSync(directory, { recursive: true, force: true });
});

async function scan(spec: ScanSpec, name: string): Promise<void> {
  const path = join(directory, name);
  writeFileSync(path, '{"no":"record of either"}\n');
  const object = { uri: `file://${path}`, key: name, sizeBytes: 26 };
  const input: FetchedObject = { object, path, offset: 0, lengthBytes: 26 };
  const part = await pool.scan(spec, { inputs: [input], spoolPath: join(directory, `${name}.rows`) });
  expect(part).toMatchObject({ objects: [{ read: 1, quarantined: 1 }] });
  ended.push(name);
}

it('stagings take turns: the parts of one do not wait for all parts of another', async () => {
  const [events, songs] = [scanSpec(eventStaging()), scanSpec(songStaging())];
  const parts = ['e1', 'e2', 'e3', 'e4', 'e5', 'e6'].map((name) => scan(events, name));
  parts.push(...['s1', 's2'].map((name) => scan(songs, name)));
  await Promise.all(parts);
  // Two were told to the thread before there was anything else.
  expect(ended).toEqual(['e1', 'e2', 'e3', 's1', 'e4', 's2', 'e5', 'e6']);
});

it('a look goes before the parts that wait', async () => {
  const events = scanSpec(eventStaging());
  const parts = ['e1', 'e2', 'e3', 'e4'].map((name) => scan(events, name));
  const look = pool.look([join(directory, 'e1'), join(directory, 'none')]).then((seen) => {
    ended.push('look');
    expect(seen[0]).toBe(26);
    expect(seen[2]).toBeNaN();
  });
  await Promise.all([...parts, look]);
  expect(ended.indexOf('look')).toBe(2);
});

it('what waits is given up with the pool, and nothing more begins', async () => {
  const events = scanSpec(eventStaging());
  const parts = ['e1', 'e2', 'e3', 'e4'].map((name) => scan(events, name));
  const all = Promise.allSettled(parts);
  await pool.close();
  for (const { status } of (await all).slice(2)) expect(status).toBe('rejected');
  await expect(scan(events, 'e5')).rejects.toThrow('given up');
});

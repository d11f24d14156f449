import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { localFolderSink, simulate } from '../../src/simulator/index.ts';
import { simulated } from './memory-sink.ts';

const folders: string[] = [];

afterEach(async () => {
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true });
});

test('a local folder holds the same files, and nothing else', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'sparkify simulate '));
  folders.push(folder);
  const options = { seed: 1, users: 10, songs: 60, from: '2018-12-30', to: '2019-01-02' };
  await simulate(options, localFolderSink(folder));
  const { files } = await simulated(options);
  const found = (await readdir(folder, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile());
  expect(found).toHaveLength(files.size);
  for (const [key, content] of files) expect((await readFile(join(folder, key))).equals(content)).toBe(true);
});

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { ODD_KEYS, type TestStore } from './contract.ts';

/** Folders below a temporary one. */
export async function localStore(): Promise<TestStore> {
  const base = mkdtempSync(join(tmpdir(), 'sparkify-source-'));
  return {
    options: { cwd: base },
    oddKeys: ODD_KEYS,
    keepsVersions: false,
    newRoot: async () => {
      const url = mkdtempSync(join(base, 'root %20 '));
      return {
        url,
        put: async (key, content) => {
          mkdirSync(dirname(join(url, key)), { recursive: true });
          writeFileSync(join(url, key), content);
        },
        remove: async (key) => rmSync(join(url, key)),
      };
    },
    stop: async () => rmSync(base, { recursive: true, force: true }),
  };
}

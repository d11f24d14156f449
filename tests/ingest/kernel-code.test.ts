import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { expect, it } from 'vitest';

it('is what kernel/ compiles to', { timeout: 120_000 }, () => {
  // In a process of its own: the compiler takes memory and does not give it back.
  const compiled = execFileSync(process.execPath, [resolve('scripts/kernel.mjs'), '--print'], { encoding: 'utf8' });
  expect(compiled === readFileSync('src/ingest/kernel/code.ts', 'utf8'), 'npm run kernel makes it so').toBe(true);
});

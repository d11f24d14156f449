import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { operationsTable } from '../../src/server/operations-doc.ts';

const page = fileURLToPath(new URL('../../docs/api.md', import.meta.url));
const PLACE = /(?<=<!-- operations -->\n)[\s\S]*(?=<!-- \/operations -->)/;

it('docs/api.md has every operation, as the table has it', () => {
  const text = readFileSync(page, 'utf8');
  const wanted = text.replace(PLACE, `${operationsTable()}\n`);
  // Run with SPARKIFY_WRITE_DOCS=1 it writes the table instead of comparing it.
  if (process.env.SPARKIFY_WRITE_DOCS === '1') writeFileSync(page, wanted);
  expect(readFileSync(page, 'utf8')).toBe(wanted);
});

import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { type ErrorEntry, errorCatalogue } from '../../src/core/error-catalogue.ts';
import { errorsPage } from '../../src/core/error-doc.ts';

const page = fileURLToPath(new URL('../../docs/errors.md', import.meta.url));

describe('docs/errors.md', () => {
  it('is the catalogue, word for word', () => {
    // `npm run docs:errors` sets this and so writes the page instead of comparing it.
    if (process.env.SPARKIFY_WRITE_DOCS === '1') writeFileSync(page, errorsPage());
    expect(readFileSync(page, 'utf8')).toBe(errorsPage());
  });

  it('has every code once, and no word that stands for a value nobody named', () => {
    const text = errorsPage();
    expect(text.match(/^## (.+)$/gmu)).toEqual(Object.keys(errorCatalogue).map((code) => `## ${code}`));
    expect(text).not.toMatch(/undefined|NaN|\[object|function \w*\(|=>/u);
  });

  it('changes with any word, code or number of the catalogue', () => {
    const entry: ErrorEntry<never> = {
      message: (p: { file: string; bytes: number; names: readonly string[] }) =>
        `${p.file} lacks ${Math.ceil(p.bytes / 2)} bytes in ${p.names.join(', ')} (${p.names.length})`,
      remedy: (p: { fix?: string }) => p.fix ?? 'Add them.',
      retryable: false,
      exitCode: 3,
      httpStatus: 422,
    };
    const text = errorsPage({ BYTES_MISSING: entry });
    expect(text).toContain('- Message: {file} lacks {number} bytes in {names} ({number})\n- Fix: Add them.\n');
    expect(text).toContain('- Retryable: no · exit code 3 · HTTP 422\n');
    const variants = [
      { retryable: true },
      { exitCode: 1 },
      { httpStatus: 500 },
      { remedy: () => 'Leave it.' },
    ] as const;
    for (const other of variants) expect(errorsPage({ BYTES_MISSING: { ...entry, ...other } })).not.toBe(text);
  });
});

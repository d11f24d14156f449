import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { errorCatalogue } from '../../src/core/error-catalogue.ts';
import { lineAt } from './imports.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const scripts = Object.keys(JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).scripts);

/** Every document of the project, below its root. */
function documents(): readonly string[] {
  const below = (folder: string): string[] =>
    readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
      .filter((e) => e.isFile() && e.name.endsWith('.md'))
      .map((e) => relative(root, join(e.parentPath, e.name)));
  const top = readdirSync(root).filter((name) => name.endsWith('.md'));
  return [...top, ...['docs', 'src', 'pipelines', 'tests', 'bench'].flatMap(below)].sort();
}

/** What a document says of the project that is not so, as `file:line what`. */
function falsehoods(file: string, text: string): readonly string[] {
  const found: string[] = [];
  const each = (pattern: RegExp, wrong: (match: string) => string | undefined): void => {
    for (const m of text.matchAll(pattern)) {
      const said = wrong(m[1]!);
      if (said !== undefined) found.push(`${file}:${lineAt(text, m.index)} ${said}`);
    }
  };
  each(/\]\((?!https?:)([^)#\s]+)[^)]*\)/gu, (to) =>
    existsSync(join(root, dirname(file), to)) ? undefined : `links to ${to}, which is not there`,
  );
  // Placeholders are written in capitals: `src/operators/NAME.ts`.
  each(/`((?:src|tests|docs|scripts|pipelines|bench|\.ci)\/[^`\s*]*)`/gu, (path) =>
    /NAME/u.test(path) || existsSync(join(root, path)) ? undefined : `names ${path}, which is not there`,
  );
  each(/\bnpm run ([\w:]+)/gu, (name) => (scripts.includes(name) ? undefined : `npm has no script ${name}`));
  each(/\b([A-Z]{3,}(?:_[A-Z]{2,})+)\b/gu, (word) => {
    const family = /^(?:WAREHOUSE|SOURCE|CONFIG|PIPELINE|QUARANTINE|COMMIT|CHECKS|STAR|DISK|INGEST|SEGMENT)_/u.test(
      word,
    );
    return family && !(word in errorCatalogue) ? `there is no error ${word}` : undefined;
  });
  each(/((?<![\w.:/}$-])\/(?:home|root|Users|work|mnt)\/\w+)/gu, (path) => `${path} is a place of one machine`);
  return found;
}

describe('the documents', () => {
  it('name files, links, scripts and errors that are there', () => {
    expect(documents().flatMap((file) => falsehoods(file, readFileSync(join(root, file), 'utf8')))).toEqual([]);
  });

  it('say of every folder of src what it is for', () => {
    const folders = readdirSync(join(root, 'src'), { withFileTypes: true }).filter((e) => e.isDirectory());
    expect(folders.filter((f) => !existsSync(join(root, 'src', f.name, 'README.md'))).map((f) => f.name)).toEqual([]);
  });

  it('are caught saying something else', () => {
    const text = [
      'See [this](docs/nowhere.md) and [that](README.md).',
      'It is in `src/core/nothing.ts`, not in `src/core/errors.ts` or `src/core/NAME.ts`.',
      'Run `npm run nonsense` or `npm run demo`; it ends in CHECKS_PASSED or CHECKS_FAILED.',
      `Data is in /${'home'}/me.`,
    ].join('\n');
    expect(falsehoods('README.md', text)).toEqual([
      'README.md:1 links to docs/nowhere.md, which is not there',
      'README.md:2 names src/core/nothing.ts, which is not there',
      'README.md:3 npm has no script nonsense',
      'README.md:3 there is no error CHECKS_PASSED',
      `README.md:4 /${'home'}/me is a place of one machine`,
    ]);
  });
});

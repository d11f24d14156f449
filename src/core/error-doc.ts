import { type ErrorEntry, errorCatalogue } from './error-catalogue.ts';

const EXITS = { 1: 'run or check failed', 2: 'usage', 3: 'configuration or project', 4: 'unreachable' } as const;

/**
 * `docs/errors.md`: the catalogue as a page, one section a code, in the catalogue's order. Parameters stand in the
 * message and the fix by their names, as `{name}`; what is computed from one stands as `{number}`.
 */
export function errorsPage(catalogue: Readonly<Record<string, ErrorEntry<never>>> = errorCatalogue): string {
  const exits = Object.entries(EXITS).map(([code, text]) => `${code} ${text}`);
  return `# Errors

Written from \`src/core/error-catalogue.ts\` by \`npm run docs:errors\`; a test holds the two equal. Words in braces stand for
what an error says in their place. With \`--json\` an error is one object on stderr: \`code\`, \`message\`, \`causes\`, \`fix\`,
\`retryable\`. Retryable means that the same command may succeed later without anybody changing anything.

Exit codes: ${exits.join(' · ')}.

${Object.entries(catalogue)
  .map(([code, entry]) => section(code, entry))
  .join('\n')}`;
}

function section(code: string, entry: ErrorEntry<never>): string {
  // An error may bring a fix of its own; the page shows the general one where there is one.
  const general = entry.remedy(placeholders(['fix']) as never) as string | undefined;
  return `## ${code}

- Message: ${plain(entry.message(placeholders() as never))}
- Fix: ${plain(general ?? entry.remedy(placeholders() as never))}
- Retryable: ${entry.retryable ? 'yes' : 'no'} · exit code ${entry.exitCode} · HTTP ${entry.httpStatus}
`;
}

function plain(text: unknown): string {
  return `${text}`.replace(/\s+/gu, ' ').replaceAll('NaN', '{number}').trim();
}

/** Parameters of any error: each behaves as text, number or list, whatever the wording makes of it. */
function placeholders(absent: readonly string[] = []): object {
  return new Proxy(
    {},
    { get: (_, name) => (absent.includes(String(name)) ? undefined : placeholder(`{${String(name)}}`)) },
  );
}

function placeholder(text: string): object {
  return {
    length: '{number}',
    0: text,
    join: () => text,
    toString: () => text,
    [Symbol.toPrimitive]: (hint: string) => (hint === 'number' ? Number.NaN : text),
  };
}

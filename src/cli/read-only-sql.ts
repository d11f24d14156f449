import { SparkifyError } from '../core/errors.ts';

const READING = new Set([
  'select',
  'with',
  'from',
  'values',
  'table',
  'describe',
  'desc',
  'show',
  'summarize',
  'pivot',
  'unpivot',
]);

/**
 * The one reading statement of a text, without comments around it and its final semicolon. The engines refuse writes to
 * tables on their own; this also keeps out what writes files (COPY, EXPORT) or leaves the read-only transaction.
 * @throws USAGE
 */
export function readOnlyStatement(text: string): string {
  const statements = splitStatements(text);
  const [sql] = statements;
  if (sql === undefined)
    throw new SparkifyError('USAGE', { detail: 'There is no SQL statement.', fix: "sparkify query 'select 1'" });
  if (statements.length > 1)
    throw new SparkifyError('USAGE', {
      detail: `There are ${statements.length} statements; query takes one.`,
      fix: 'Run them one after the other.',
    });
  const words = sql
    .replace(/\/\*[\s\S]*?\*\/|--[^\n]*/g, ' ')
    .replace(/^[\s(]+/, '')
    .toLowerCase();
  const explained = /^explain(\s*\([^)]*\)|\s+analyze|\s+verbose)*\s*/.exec(words)?.[0] ?? '';
  const first = /^[a-z]+/.exec(words.slice(explained.length).replace(/^[\s(]+/, ''))?.[0] ?? '';
  if (!READING.has(first))
    throw new SparkifyError('USAGE', {
      detail: `query only reads, and "${first === '' ? sql.slice(0, 20) : first}" begins no reading statement.`,
      fix: 'Write select, with, from, values, describe, show, summarize or explain. Tables change through pipelines only.',
    });
  return sql;
}

/** Splits at semicolons outside of texts, quoted names, dollar quotes and comments; empty statements are left out. */
export function splitStatements(text: string): readonly string[] {
  const token =
    /'(?:[^']|'')*'?|"(?:[^"]|"")*"?|\$([A-Za-z_]*)\$[\s\S]*?(?:\$\1\$|$)|--[^\n]*|\/\*[\s\S]*?(?:\*\/|$)|;/g;
  const parts: string[] = [];
  let start = 0;
  for (const match of text.matchAll(token)) {
    if (match[0] !== ';') continue;
    parts.push(text.slice(start, match.index));
    start = match.index + 1;
  }
  parts.push(text.slice(start));
  return parts.map((p) => p.trim()).filter((p) => p.replace(/--[^\n]*|\/\*[\s\S]*?\*\//g, '').trim() !== '');
}

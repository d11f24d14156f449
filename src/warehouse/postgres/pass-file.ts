import { readFile, stat } from 'node:fs/promises';

export interface PassFileQuery {
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
}

/**
 * The password a pass file (`host:port:database:user:password`, `*` matches anything, `\:` and `\\` escape) holds
 * for a connection; undefined when there is no such file, no such line, or others may read the file, as in libpq.
 */
export async function readPassFile(path: string, query: PassFileQuery): Promise<string | undefined> {
  let text: string;
  try {
    const mode = (await stat(path)).mode;
    if (process.platform !== 'win32' && (mode & 0o077) !== 0) return undefined;
    text = await readFile(path, 'utf8');
  } catch {
    return undefined;
  }
  return findPassword(text, query);
}

/** The password of the first line that matches. */
export function findPassword(text: string, query: PassFileQuery): string | undefined {
  const wanted = [
    query.host.startsWith('/') ? 'localhost' : query.host,
    String(query.port),
    query.database,
    query.user,
  ];
  for (const line of text.split(/\r?\n/)) {
    if (line === '' || line.startsWith('#')) continue;
    const fields = splitFields(line);
    if (fields.length === 5 && wanted.every((w, i) => fields[i] === '*' || unescaped(fields[i]!) === w))
      return unescaped(fields[4]!);
  }
  return undefined;
}

/** Raw fields: the first four end at an unescaped colon, the fifth is the rest. */
function splitFields(line: string): readonly string[] {
  const fields: string[] = [];
  let start = 0;
  for (let i = 0; i < line.length && fields.length < 4; i++) {
    if (line[i] === '\\') i++;
    else if (line[i] === ':') {
      fields.push(line.slice(start, i));
      start = i + 1;
    }
  }
  return [...fields, line.slice(start)];
}

function unescaped(field: string): string {
  return field.replace(/\\(.)/g, '$1');
}

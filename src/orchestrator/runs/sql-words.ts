import type { StoreCapabilities } from '../store/store.ts';

/** Columns of a table that is given as one parameter. */
export type RowColumns = Readonly<Record<string, 'bigint' | 'text'>>;

/** What the store's engines say differently in the statements of runs and queue. */
export interface SqlWords {
  /** The table `v` with these columns, read from the parameter (`$1`): the JSON text of an array of objects. */
  rows(parameter: string, columns: RowColumns): string;
  /** At a statement's end: others wait until this transaction is over. Nothing where there is one writer. */
  readonly forUpdate: string;
  /** At a statement's end: rows that others have locked are left out; of one table where it is named. */
  skipLocked(table?: string): string;
}

export function sqlWords(capabilities: StoreCapabilities): SqlWords {
  const { skipLocked } = capabilities;
  return {
    rows: capabilities.jsonRows === 'json_each' ? eachRow : recordset,
    forUpdate: skipLocked ? ' for update' : '',
    skipLocked: (table) => (skipLocked ? ` for update${table === undefined ? '' : ` of ${table}`} skip locked` : ''),
  };
}

function eachRow(parameter: string, columns: RowColumns): string {
  const list = Object.keys(columns).map((name) => `json_extract(value, '$.${name}') as ${name}`);
  return `(select ${list.join(', ')} from json_each(${parameter})) as v`;
}

function recordset(parameter: string, columns: RowColumns): string {
  const list = Object.entries(columns).map(([name, type]) => `${name} ${type}`);
  return `json_to_recordset(${parameter}::json) as v(${list.join(', ')})`;
}

/** The parameter for a list of ids. */
export function idRows(ids: Iterable<number>): string {
  return JSON.stringify(Array.from(ids, (id) => ({ id })));
}

export const ID: RowColumns = { id: 'bigint' };

/** A text as every engine keeps it: no NUL characters, no halves of characters, no more than so many characters. */
export function storable(text: string, maxLength = 8000): string {
  const clipped = text.length > maxLength ? `${text.slice(0, maxLength)} …` : text;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  return clipped.replace(/\u0000|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g, '\ufffd');
}

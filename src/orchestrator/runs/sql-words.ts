import type { StoreCapabilities } from '../store/store.ts';

/** Columns of a table that is given as one parameter. */
export type RowColumns = Readonly<Record<string, 'bigint' | 'text'>>;

/** What the store's engines say differently in the statements of runs and queue. */
export interface SqlWords {
  /** The table `v` with these columns, read from the parameter (`$1`): the JSON text of an array of objects. */
  rows(parameter: string, columns: RowColumns): string;
  /**
   * After the condition that joins a table with `rows`: has the table searched by the ids in that field. A plan lives as long
   * as its connection and may have been made when the tables were empty; this one is right at any size.
   */
  narrow(column: string, parameter: string, field: string): string;
  /** `from` and `where` that read `t`, the rows of a table that belong to those given (`rows`), by one search of an index for each. */
  lookUp(given: string, table: string, on: string): string;
  /** After a column: whether its number (its text) is one of the parameter's, the JSON text of an array. */
  amongIds(parameter: string): string;
  amongNames(parameter: string): string;
  /** At a statement's end: others wait until this transaction is over. Nothing where there is one writer. */
  readonly forUpdate: string;
  /** At a statement's end: rows that others have locked are left out; of one table where it is named. */
  skipLocked(table?: string): string;
}

export function sqlWords(capabilities: StoreCapabilities): SqlWords {
  const { skipLocked } = capabilities;
  return {
    ...(capabilities.jsonRows === 'json_each' ? fromEach : fromRecordset),
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

const fromEach = {
  rows: eachRow,
  // It begins a join with what is given, and searches the table by its key.
  narrow: (): string => '',
  lookUp: (given: string, table: string, on: string): string => `from ${given} cross join ${table} t where ${on}`,
  amongIds: (parameter: string): string => `in (select value from json_each(${parameter}))`,
  amongNames: (parameter: string): string => `in (select value from json_each(${parameter}))`,
};

const fromRecordset = {
  rows: recordset,
  narrow: (column: string, parameter: string, field: string): string =>
    ` and ${column} = any(array(select (r ->> '${field}')::bigint from json_array_elements(${parameter}::json) r))`,
  // Without the offset it would be flattened into a join, and joined in any way.
  lookUp: (given: string, table: string, on: string): string =>
    `from ${given} cross join lateral (select * from ${table} t where ${on} offset 0) t where true`,
  // An array is searched for in an index, whatever the planner believes about the table.
  amongIds: (parameter: string): string => `= any(array(select json_array_elements_text(${parameter}::json)::bigint))`,
  amongNames: (parameter: string): string => `= any(array(select json_array_elements_text(${parameter}::json)))`,
};

/** The parameter for `amongIds` and `amongNames`. */
export function listOf(values: Iterable<number> | Iterable<string>): string {
  return JSON.stringify([...values]);
}

/** Of every row that is written by its id. */
export const ID: RowColumns = { id: 'bigint' };

/** A text as every engine keeps it: no NUL characters, no halves of characters, no more than so many characters. */
export function storable(text: string, maxLength = 8000): string {
  const clipped = text.length > maxLength ? `${text.slice(0, maxLength)} …` : text;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  return clipped.replace(/\u0000|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g, '\ufffd');
}

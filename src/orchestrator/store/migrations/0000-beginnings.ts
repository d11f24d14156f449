import type { SchemaWords } from '../engine.ts';

/** What stands before every migration: where their versions are kept, and the commits that carry them. */
export function beginnings({ integer, text, table, keyed }: SchemaWords): readonly string[] {
  return [
    `create table if not exists migrations (
      version ${integer} not null primary key,
      applied_at_ms ${integer} not null
    ) ${table}`,
    `create table if not exists commits (
      connection ${text} not null primary key,
      mark ${integer} not null,
      at_ms ${integer} not null
    ) ${keyed}`,
  ];
}

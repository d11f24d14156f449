import type { SchemaWords } from '../engine.ts';

/**
 * What is pending, by the lot: a hundred thousand new objects of one staging are a few dozen rows, written and settled as such.
 */
export function pendingLots({ engine, id, integer, text, table }: SchemaWords): readonly string[] {
  const object = 'uri, version, size_bytes, mtime_ms, name';
  const objects =
    engine === 'sqlite'
      ? `json_group_array(json_array(${object}))`
      : `cast(json_agg(json_build_array(${object})) as text)`;
  return [
    `create table pending_lots (
      lot ${id},
      pipeline ${text} not null,
      staging ${text} not null,
      root ${text} not null,
      change ${text} not null check (change in ('new', 'changed', 'gone')),
      start_ms ${integer},
      end_ms ${integer},
      listed_at_ms ${integer} not null,
      versioned ${integer} not null,
      objects_json ${text} not null
    ) ${table}`,
    'create index pending_lots_by_staging on pending_lots (pipeline, staging, start_ms)',
    `insert into pending_lots (pipeline, staging, root, change, start_ms, end_ms, listed_at_ms, versioned, objects_json)
     select pipeline, staging, '', change, start_ms, end_ms, listed_at_ms, versioned, ${objects}
     from (
       select *, case when version is null then 0 else 1 end as versioned from pending_objects order by pipeline, staging, uri
     ) o
     group by pipeline, staging, change, start_ms, end_ms, listed_at_ms, versioned`,
    'drop table pending_objects',
  ];
}

import type { Dialect } from '../dialect.ts';

const types = {
  bigint: 'bigint',
  integer: 'bigint',
  smallint: 'smallint',
  double: 'double precision',
  // Text compares by bytes on every engine, whatever collation the database was made with.
  text: 'text collate "C"',
  timestamp: 'timestamp',
  boolean: 'boolean',
  blob: 'bytea',
} as const;

export const postgresDialect: Dialect = {
  name: 'postgres',
  defaultSchema: 'public',
  type: (type) => types[type],
  canonicalText: (expression, type) => {
    switch (type) {
      case 'timestamp':
        return `cast(cast(floor(extract(epoch from ${expression}) * 1000) as bigint) as text)`;
      case 'double':
        return `cast(case when ${expression} = 0 then 0 else ${expression} end as text)`;
      default:
        return `cast(${expression} as text)`;
    }
  },
};

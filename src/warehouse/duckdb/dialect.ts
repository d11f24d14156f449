import type { Dialect } from '../dialect.ts';

const types = {
  bigint: 'bigint',
  integer: 'bigint',
  smallint: 'smallint',
  double: 'double',
  text: 'varchar',
  timestamp: 'timestamp',
  boolean: 'boolean',
  blob: 'blob',
} as const;

export const duckdbDialect: Dialect = {
  name: 'duckdb',
  defaultSchema: 'main',
  type: (type) => types[type],
  canonicalText: (expression, type) => {
    switch (type) {
      case 'timestamp':
        return `cast(epoch_ms(${expression}) as varchar)`;
      case 'double':
        return `regexp_replace(cast(case when ${expression} = 0 then 0 else ${expression} end as varchar), '\\.0$', '')`;
      default:
        return `cast(${expression} as varchar)`;
    }
  },
};

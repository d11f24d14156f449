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
        // Whole numbers without DuckDB's ".0"; −0 becomes 0 on the way.
        return `case when ${expression} = trunc(${expression}) and abs(${expression}) < 1e15 then cast(cast(${expression} as bigint) as varchar) else cast(${expression} as varchar) end`;
      default:
        return `cast(${expression} as varchar)`;
    }
  },
  byteLength: (text) => `strlen(${text})`,
  hash64: (text) => `cast('0x' || left(md5(${text}), 16) as ubigint)`,
};

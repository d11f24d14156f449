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
  byteLength: (text) => `octet_length(${text})`,
  // Signed here, which a sum modulo 2^64 does not notice.
  hash64: (text) => `cast(cast('x' || left(md5(${text}), 16) as bit(64)) as bigint)`,
};

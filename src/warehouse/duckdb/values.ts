import {
  BIGINT,
  BLOB,
  BOOLEAN,
  DOUBLE,
  DuckDBBlobValue,
  DuckDBTimestampTZValue,
  DuckDBTimestampValue,
  type DuckDBType,
  DuckDBTypeId,
  type DuckDBValue,
  HUGEINT,
  type JS,
  SQLNULL,
  TIMESTAMP,
  VARCHAR,
} from '@duckdb/node-api';
import type { SqlValue } from '../session.ts';

/** Values and types of bound parameters, in their order. */
export interface DuckParams {
  readonly values: DuckDBValue[];
  readonly types: DuckDBType[];
}

/** Session values as bound parameters: whole numbers bind as BIGINT, other numbers as DOUBLE, dates as TIMESTAMP. */
export function toDuckParams(params: readonly SqlValue[]): DuckParams {
  return { values: params.map(toDuckParam), types: params.map(typeOfParam) };
}

function toDuckParam(value: SqlValue): DuckDBValue {
  if (value instanceof Date) return new DuckDBTimestampValue(BigInt(value.getTime()) * 1000n);
  return value instanceof Uint8Array ? toBlob(value) : value;
}

// Without a type the driver takes 1e300 for a BIGINT and every bigint for a HUGEINT.
function typeOfParam(value: SqlValue): DuckDBType {
  if (value === null) return SQLNULL;
  if (typeof value === 'boolean') return BOOLEAN;
  if (typeof value === 'number') return Number.isSafeInteger(value) && !Object.is(value, -0) ? BIGINT : DOUBLE;
  if (typeof value === 'bigint') return BigInt.asIntN(64, value) === value ? BIGINT : HUGEINT;
  if (typeof value === 'string') return VARCHAR;
  return value instanceof Date ? TIMESTAMP : BLOB;
}

function toBlob(value: Uint8Array): DuckDBValue {
  return new DuckDBBlobValue(value);
}

/** A session value as the content of a column of the given type, for bulk inserts. */
export function toDuckColumn(value: SqlValue, type: DuckDBType): DuckDBValue {
  if (value === null) return null;
  switch (type.typeId) {
    case DuckDBTypeId.BIGINT:
    case DuckDBTypeId.HUGEINT:
    case DuckDBTypeId.UBIGINT:
      return typeof value === 'bigint' ? value : BigInt(value as number);
    case DuckDBTypeId.DOUBLE:
    case DuckDBTypeId.INTEGER:
    case DuckDBTypeId.SMALLINT:
      return Number(value);
    case DuckDBTypeId.TIMESTAMP:
      return new DuckDBTimestampValue(BigInt((value as Date).getTime()) * 1000n);
    case DuckDBTypeId.TIMESTAMP_TZ:
      return new DuckDBTimestampTZValue(BigInt((value as Date).getTime()) * 1000n);
    default:
      return value instanceof Uint8Array ? toBlob(value) : (value as DuckDBValue);
  }
}

/** A value of a result: 64-bit integers become numbers while they are safe, structured values JSON text. */
export function fromDuck(value: JS): SqlValue {
  if (typeof value === 'bigint')
    return value >= -9007199254740991n && value <= 9007199254740991n ? Number(value) : value;
  if (value === undefined) return null;
  if (value === null || typeof value !== 'object') return value as SqlValue;
  if (value instanceof Date || value instanceof Uint8Array) return value;
  return JSON.stringify(value, (_key, v: unknown) => (typeof v === 'bigint' ? v.toString() : v));
}

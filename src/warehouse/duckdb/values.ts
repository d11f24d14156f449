import {
  DuckDBTimestampTZValue,
  DuckDBTimestampValue,
  type DuckDBType,
  DuckDBTypeId,
  type DuckDBValue,
  type JS,
} from '@duckdb/node-api';
import type { SqlValue } from '../session.ts';

/** A session value as a bound parameter: whole numbers bind as BIGINT, dates as TIMESTAMP. */
export function toDuckParam(value: SqlValue): DuckDBValue {
  if (typeof value === 'number' && Number.isSafeInteger(value)) return BigInt(value);
  if (value instanceof Date) return new DuckDBTimestampValue(BigInt(value.getTime()) * 1000n);
  if (value instanceof Uint8Array) return toBlob(value);
  return value;
}

function toBlob(value: Uint8Array): DuckDBValue {
  return { bytes: value } as unknown as DuckDBValue;
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

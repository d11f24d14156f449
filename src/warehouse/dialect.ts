import type { StagingType, StarType } from '../pipeline/column.ts';

/** Types of the ledger's own tables. */
export type LedgerType = 'bigint' | 'text' | 'double' | 'boolean' | 'timestamp' | 'blob';

/** The words in which engines differ. */
export interface Dialect {
  readonly name: 'duckdb' | 'postgres';
  readonly defaultSchema: string;
  /** Type name of a column. */
  type(type: StarType | StagingType | LedgerType): string;
  /** Canonical text of a column for the checksum, NULL staying NULL; see checksum.ts. */
  canonicalText(expression: string, type: StarType | StagingType): string;
  /** Length of a text in UTF-8 bytes. */
  byteLength(text: string): string;
  /** The first eight bytes of a text's MD5, as a number whose sum is exact; equal on all engines modulo 2^64. */
  hash64(text: string): string;
}

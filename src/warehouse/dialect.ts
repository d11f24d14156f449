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
}

import { errorText, isSparkifyError, SparkifyError } from '../../../core/errors.ts';

/** SQLite's error as this project's: by its (extended) result code. */
export function translateSqliteError(error: unknown, path: string, statement: string): SparkifyError {
  if (isSparkifyError(error)) return error;
  const detail = errorText(error);
  const { code = '' } = error as { readonly code?: string };
  if (/^SQLITE_(BUSY|LOCKED)/.test(code))
    return new SparkifyError('STORE_BUSY', { store: path, detail }, { cause: error });
  if (/^SQLITE_(NOTADB|CORRUPT|FORMAT)/.test(code))
    return new SparkifyError('STORE_DAMAGED', { store: path, detail }, { cause: error });
  if (code === 'SQLITE_FULL') return new SparkifyError('DISK_FULL', { what: path }, { cause: error });
  if (/^SQLITE_(CANTOPEN|READONLY|PERM|IOERR|AUTH|PROTOCOL|NOLFS)/.test(code))
    return new SparkifyError('STORE_OPEN_FAILED', { store: path, detail: `${detail} (${code})` }, { cause: error });
  const text = code === '' || code === 'SQLITE_ERROR' ? detail : `${detail} (${code})`;
  return new SparkifyError('SQL_FAILED', { detail: text, statement: statement.trim().slice(0, 300) }, { cause: error });
}

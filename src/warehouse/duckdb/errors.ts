import { errorText, isSparkifyError, SparkifyError } from '../../core/errors.ts';

/** Translates an error of the driver into one of the catalogue; what is already translated passes. */
export function translateDuckError(error: unknown, sql: string): SparkifyError {
  if (isSparkifyError(error)) return error;
  const text = errorText(error);
  // The last is what a limit on the size of files (ulimit, the file system's own) says.
  if (/no space left on device|disk quota exceeded|file too large/i.test(text))
    return new SparkifyError('DISK_FULL', { what: 'the embedded warehouse' }, { cause: error });
  return new SparkifyError(
    'SQL_FAILED',
    { detail: firstLines(text), statement: sql.trim().slice(0, 300) },
    { cause: error },
  );
}

/** Translates a failure to open a file. */
export function translateOpenError(error: unknown, path: string): SparkifyError {
  const text = errorText(error);
  const lock = /Conflicting lock is held in (.+?) \(PID (\d+)\)/.exec(text);
  if (lock !== null || /Could not set lock/i.test(text)) {
    const holder = lock === null ? 'another process' : `process ${lock[2]}`;
    return new SparkifyError('WAREHOUSE_BUSY', { path, holder }, { cause: error });
  }
  if (/different configuration than existing/i.test(text))
    return new SparkifyError('WAREHOUSE_BUSY', { path, holder: `this process (${process.pid})` }, { cause: error });
  if (/not a valid DuckDB database file|different version|newer version/i.test(text)) {
    return new SparkifyError('WAREHOUSE_INVALID', { path, detail: firstLines(text) }, { cause: error });
  }
  return new SparkifyError('WAREHOUSE_OPEN_FAILED', { target: path, detail: firstLines(text) }, { cause: error });
}

function firstLines(text: string): string {
  return text.split('\n').slice(0, 3).join(' ').trim();
}

import { errorText, SparkifyError } from '../../core/errors.ts';

/** An error of the file system under a source, as the one error a person sees. */
export function localError(error: unknown, path: string, action: string): SparkifyError {
  const code = (error as NodeJS.ErrnoException).code;
  if (code === 'ENOENT')
    return new SparkifyError('SOURCE_NOT_FOUND', { source: path, detail: 'no such file or folder' }, { cause: error });
  if (code === 'EACCES' || code === 'EPERM') {
    return new SparkifyError(
      'SOURCE_ACCESS_DENIED',
      {
        source: path,
        action,
        detail: 'permission denied',
        fix: `Let this user read it, for example: chmod -R u+rX '${path}'`,
      },
      { cause: error },
    );
  }
  return new SparkifyError('SOURCE_UNREADABLE', { object: path, detail: errorText(error) }, { cause: error });
}

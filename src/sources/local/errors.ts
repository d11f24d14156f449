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

/** A file that was listed and cannot be read. */
export function unreadableFile(error: unknown, path: string, object: string = path): SparkifyError {
  const code = (error as NodeJS.ErrnoException).code;
  if (code === 'ENOENT')
    return new SparkifyError('SOURCE_CHANGED', { object, detail: 'it is gone since it was listed' }, { cause: error });
  if (code !== 'EACCES' && code !== 'EPERM')
    return new SparkifyError('SOURCE_UNREADABLE', { object, detail: errorText(error) }, { cause: error });
  const { remedy: fix } = localError(error, path, 'read');
  return new SparkifyError('SOURCE_UNREADABLE', { object, detail: 'permission denied', fix }, { cause: error });
}

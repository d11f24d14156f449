import { isSparkifyError, SparkifyError } from '../core/errors.ts';

/** What a bucket must allow below its prefix. */
export const BUCKET_ACTIONS = 's3:PutObject, s3:GetObject, s3:DeleteObject and, on the bucket, s3:ListBucket';

/** What went wrong with a bucket as the matter of segments that it is. */
export function asSegmentError(error: unknown, store: string): unknown {
  if (!isSparkifyError(error)) return error;
  const cause = { cause: error };
  switch (error.code) {
    case 'SOURCE_ACCESS_DENIED': {
      const { action, detail } = error.params as { readonly action: string; readonly detail: string };
      const fix = `Grant ${BUCKET_ACTIONS}; with KMS, kms:GenerateDataKey and kms:Decrypt too.`;
      return new SparkifyError(
        'SEGMENTS_REFUSED',
        { store, detail: `it may not be ${action} (${detail})`, fix },
        cause,
      );
    }
    case 'SOURCE_NOT_FOUND':
    case 'SOURCE_CREDENTIALS':
    case 'SOURCE_URL_INVALID': {
      const { detail } = error.params as { readonly detail: string };
      return new SparkifyError('SEGMENTS_REFUSED', { store, detail, fix: error.remedy }, cause);
    }
    case 'SOURCE_UNREACHABLE': {
      const { detail } = error.params as { readonly detail: string };
      return new SparkifyError('SEGMENTS_UNREACHABLE', { store, detail, fix: error.remedy }, cause);
    }
    default:
      return error;
  }
}

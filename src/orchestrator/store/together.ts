/**
 * What all of these give. After an error the others are waited for all the same, for no statement of theirs may follow the
 * end of their transaction; then the first error is thrown.
 */
export async function together<const T extends readonly unknown[]>(
  all: T,
): Promise<{ -readonly [K in keyof T]: Awaited<T[K]> }> {
  try {
    return await Promise.all(all);
  } finally {
    await Promise.allSettled(all);
  }
}

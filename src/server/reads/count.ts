/** Beyond it nobody counts: a list of a million runs must open as fast as one of ten. */
const MOST = 1000;

interface Question {
  limit(most: number): { execute(): Promise<readonly unknown[]> };
}

/** How many rows a question for keys has, counted up to a bound. */
export async function boundedCount(keys: Question): Promise<{ readonly count: number; readonly exact: boolean }> {
  const { length } = await keys.limit(MOST + 1).execute();
  return length > MOST ? { count: MOST, exact: false } : { count: length, exact: true };
}

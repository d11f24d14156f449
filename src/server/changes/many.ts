import { isSparkifyError } from '../../core/errors.ts';

/** What became of one of many. */
interface Outcome<T> {
  readonly target: T;
  readonly changed: boolean;
  readonly error: { readonly code: string; readonly message: string; readonly remedy: string } | null;
}

export interface Outcomes<T> {
  readonly items: readonly Outcome<T>[];
  readonly changed: number;
  readonly refused: number;
  readonly dryRun: boolean;
}

/** Does the same with each of many, one after the other; one that is refused keeps none of the others back. */
export async function changeMany<T>(
  targets: readonly T[],
  dryRun: boolean | undefined,
  change: (target: T) => Promise<{ readonly changed: boolean }>,
): Promise<Outcomes<T>> {
  const items: Outcome<T>[] = [];
  for (const target of targets) {
    try {
      items.push({ target, changed: (await change(target)).changed, error: null });
    } catch (error) {
      // Whatever is wrong with the store concerns them all.
      if (!isSparkifyError(error) || error.exitCode === 4 || error.code === 'INTERNAL') throw error;
      const { code, message, remedy } = error;
      items.push({ target, changed: false, error: { code, message, remedy } });
    }
  }
  return {
    items,
    changed: items.filter((i) => i.changed).length,
    refused: items.filter((i) => i.error !== null).length,
    dryRun: dryRun === true,
  };
}

import type { SchemaWords } from '../engine.ts';

/**
 * What an attempt costs in indexes. Leases that have run out are looked for among all that runs, which is little; so a
 * renewal changes no index. An attempt's end finds room beside its beginning, and changes none either.
 */
export function fewerIndexEntries({ engine }: SchemaWords): readonly string[] {
  return ['drop index tasks_leased', ...(engine === 'postgres' ? ['alter table attempts set (fillfactor = 50)'] : [])];
}

import { join } from 'node:path';
import fc from 'fast-check';
import { test } from 'vitest';
import { openWarehouse } from '../../src/warehouse/open.ts';
import { productWorld } from './product-world.ts';
import { historyArbitrary } from './histories.ts';
import { checkHistory } from './world.ts';
test('any order', async () => {
  const f = productWorld('duckdb', (d) => openWarehouse(`duckdb:${join(d,'w.duckdb')}`, { cwd: d } as any));
  let n=0; const t=Date.now();
  await fc.assert(fc.asyncProperty(historyArbitrary(), async (h) => { n+=h.steps.length; await checkHistory(f, h, { compare: 'every', finalRebuild: true }); }), { numRuns: Number(process.env.RUNS ?? 40), endOnFailure: true, seed: Number(process.env.SEED ?? 1) });
  console.log(n, Date.now()-t);
}, 600000);

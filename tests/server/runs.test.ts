import { expect, it } from 'vitest';
import { graphFrom } from '../orchestrator/graphs.ts';
import { eachStore } from '../orchestrator/stores.ts';
import { openWorld } from './world.ts';

eachStore((_, open) => {
  it('runs are listed newest first, in pages that neither repeat nor lose any', async () => {
    const world = await openWorld(open);
    const graph = graphFrom('a, b after a');
    const made: number[] = [];
    for (let i = 0; i < 7; i++) made.push(await world.run(graph));
    const first = await world.ask('GET', '/runs?limit=3');
    expect(first.body.items.map((r: { id: number }) => r.id)).toEqual(made.toReversed().slice(0, 3));
    expect(first.body.total).toEqual({ count: 7, exact: true });
    // One more comes in between.
    await world.run(graph);
    const second = await world.ask('GET', `/runs?limit=3&cursor=${first.body.nextCursor}`);
    const third = await world.ask('GET', `/runs?limit=3&cursor=${second.body.nextCursor}`);
    expect([...second.body.items, ...third.body.items].map((r) => r.id)).toEqual(made.toReversed().slice(3));
    expect(third.body.nextCursor).toBeNull();
  });
});

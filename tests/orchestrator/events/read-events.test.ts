import { describe, expect, test } from 'vitest';
import { virtualTime } from '../../../src/core/timers.ts';
import type { StoreEvent } from '../../../src/orchestrator/events/event.ts';
import { eventsAfter, followEvents, lastEventSeq, latestEvents } from '../../../src/orchestrator/events/read-events.ts';
import type { StoredEvent } from '../../../src/orchestrator/events/stored-event.ts';
import type { Store } from '../../../src/orchestrator/store/store.ts';
import { eachStore, startMs, storeOpener } from '../stores.ts';

function emit(store: Store, ...events: readonly StoreEvent[]): Promise<void> {
  return store.write(async (tx) => {
    for (const event of events) tx.emit(event);
  });
}

function started(runId: number, pipeline = 'sparkify'): StoreEvent {
  return { type: 'run.started', pipeline, runId };
}

function skipped(runId: number, taskId: number): StoreEvent {
  return { type: 'task.skipped', pipeline: 'sparkify', runId, taskId, task: 't', mapIndex: -1, reason: 'r' };
}

eachStore((_, open) => {
  test('events come in pages, in order, with their time, by pipeline, run, task and type', async () => {
    const { store } = await open();
    expect(await lastEventSeq(store)).toBe(0);
    await emit(store, started(1), started(2, 'other'), skipped(1, 9), { type: 'clock.jumped', byMs: 4 });
    const all = await eventsAfter(store, 0);
    expect(all.map((e) => e.type)).toEqual(['run.started', 'run.started', 'task.skipped', 'clock.jumped']);
    expect(all[0]).toEqual({ type: 'run.started', pipeline: 'sparkify', runId: 1, seq: all[0]!.seq, at: startMs });
    expect(await lastEventSeq(store)).toBe(all[3]!.seq);
    expect(await eventsAfter(store, all[1]!.seq, { limit: 1 })).toEqual([all[2]]);
    const by = async (filters: object) =>
      (await eventsAfter(store, 0, { filters })).map((e) => all.indexOf(all.find((a) => a.seq === e.seq)!));
    expect(await by({ pipeline: 'sparkify' })).toEqual([0, 2]);
    expect(await by({ runId: 2 })).toEqual([1]);
    expect(await by({ taskId: 9 })).toEqual([2]);
    expect(await by({ types: ['task', 'clock.jumped'] })).toEqual([2, 3]);
    expect(await by({ types: ['run'], pipeline: 'other' })).toEqual([1]);
    expect(await by({ types: ['ru', '%', ''] })).toEqual([]);
    expect(await latestEvents(store, { limit: 2 })).toEqual(all.slice(2));
    expect(await latestEvents(store, { filters: { types: ['run'] } })).toEqual(all.slice(0, 2));
  });

  test('a follower misses nothing, of its own process and of others, and ends quietly', async () => {
    const { store, another } = await open();
    const other = await another();
    await emit(store, started(1));
    const controller = new AbortController();
    const seen: StoredEvent[] = [];
    for await (const event of followEvents(store, { afterSeq: 0, signal: controller.signal })) {
      seen.push(event);
      const { runId } = event as { runId: number };
      if (runId === 1) void emit(other, started(2));
      if (runId === 2) setImmediate(() => void emit(store, started(3)));
      if (runId === 3) void emit(other, started(4), started(5));
      if (runId === 5) setImmediate(() => controller.abort());
    }
    expect(seen.map((e) => (e as { runId: number }).runId)).toEqual([1, 2, 3, 4, 5]);
  });

  test('many events come in one go, of which filters leave out what is not wanted', async () => {
    const { store } = await open();
    await emit(store, ...Array.from({ length: 1300 }, (_, i) => (i % 2 === 0 ? started(i) : skipped(i, 1))));
    const controller = new AbortController();
    const seen: number[] = [];
    const follow = followEvents(store, { afterSeq: 0, signal: controller.signal, filters: { types: ['run'] } });
    for await (const event of follow) {
      seen.push((event as { runId: number }).runId);
      if (seen.length === 650) void emit(store, skipped(1, 1), started(9999));
      if (seen.length === 651) controller.abort();
    }
    expect(seen).toEqual([...Array.from({ length: 650 }, (_, i) => i * 2), 9999]);
  });
});

describe('without waking', () => {
  const open = storeOpener('sqlite');
  test('a lost notification delays an event, no more', async () => {
    const { store, clock } = await open();
    const deaf: Store = { ...store, onChange: () => () => {} };
    const time = virtualTime(clock.nowMs());
    const controller = new AbortController();
    const follow = followEvents(deaf, { afterSeq: 0, signal: controller.signal, timers: time });
    const first = follow.next();
    while (time.nextMs() === undefined) await new Promise(setImmediate);
    await emit(store, started(1));
    time.advance(5000);
    expect((await first).value).toMatchObject({ runId: 1 });
    const next = follow.next();
    controller.abort();
    expect((await next).done).toBe(true);
  });
});

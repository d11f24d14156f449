import type { StoreEvent } from '../orchestrator/events/event.ts';
import type { Store, StoreTransaction } from '../orchestrator/store/store.ts';

/**
 * A store whose every `write` takes part in a transaction that is open already, as a savepoint: what throws is taken
 * back alone, with its events. So several changes, or a change and the note of its answer, happen together or not at all.
 */
export function within(store: Store, outer: StoreTransaction): Store {
  return {
    url: store.url,
    capabilities: store.capabilities,
    db: outer.db,
    write: async (work) => {
      const events: StoreEvent[] = [];
      await outer.run('savepoint part');
      try {
        const result = await work({
          db: outer.db,
          nowMs: outer.nowMs,
          capabilities: outer.capabilities,
          all: (text, values) => outer.all(text, values),
          run: (text, values) => outer.run(text, values),
          send: (text, values) => outer.send(text, values),
          emit: (event) => events.push(event),
        });
        await outer.run('release savepoint part');
        for (const event of events) outer.emit(event);
        return result;
      } catch (error) {
        await outer.run('rollback to savepoint part');
        throw error;
      }
    },
    onChange: (wake) => store.onChange(wake),
    close: async () => {},
  };
}

import type { StoreEngine } from './engine.ts';

/**
 * Who wants to know of changes. Wakes come soon after a commit, not within it, and several commits of one moment are one
 * wake. The engine watches for others' commits only while somebody listens.
 */
export class Listeners {
  readonly #engine: StoreEngine;
  readonly #wakes = new Set<{ readonly wake: () => void }>();
  #endWatch: (() => void) | undefined;
  #due = false;

  constructor(engine: StoreEngine) {
    this.#engine = engine;
  }

  add(wake: () => void): () => void {
    const entry = { wake };
    this.#wakes.add(entry);
    this.#endWatch ??= this.#engine.watch(() => this.wake());
    return () => {
      this.#wakes.delete(entry);
      if (this.#wakes.size === 0) this.#stop();
    };
  }

  wake(): void {
    if (this.#due || this.#wakes.size === 0) return;
    this.#due = true;
    setImmediate(() => {
      this.#due = false;
      for (const { wake } of this.#wakes) wake();
    });
  }

  close(): void {
    this.#wakes.clear();
    this.#stop();
  }

  #stop(): void {
    this.#endWatch?.();
    this.#endWatch = undefined;
  }
}

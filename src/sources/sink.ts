/**
 * A place to write objects to. `write` returns as soon as there is room for the next one, so a failure may show at a
 * later `write` and at the latest at `close`; the bytes must not be changed after they were handed over. An object is
 * there whole or not at all. Nothing counts as written before `close` has returned.
 */
export interface Sink {
  /** The root as an absolute URI with a final `/`. */
  readonly root: string;
  write(key: string, bytes: Uint8Array): Promise<void>;
  close(): Promise<void>;
}

/** Turns a function that writes one object into a sink with up to `limit` writes in flight. */
export function sinkOf(
  root: string,
  limit: number,
  put: (key: string, bytes: Uint8Array) => Promise<void>,
  end: () => Promise<void>,
): Sink {
  const running = new Set<Promise<void>>();
  let failed: { readonly error: unknown } | undefined;
  return {
    root,
    write: async (key, bytes) => {
      while (running.size >= limit && failed === undefined) await Promise.race(running);
      if (failed !== undefined) throw failed.error;
      const one: Promise<void> = put(key, bytes)
        .catch((error: unknown) => {
          failed ??= { error };
        })
        .finally(() => running.delete(one));
      running.add(one);
    },
    close: async () => {
      await Promise.all(running);
      await end();
      if (failed !== undefined) throw failed.error;
    },
  };
}

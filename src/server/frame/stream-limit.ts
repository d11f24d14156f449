import { SparkifyError } from '../../core/errors.ts';

export interface StreamLimits {
  /** Of one client: an address with a name. */
  readonly perClient: number;
  readonly all: number;
}

/** Open streams, by client and in all. */
export class StreamLimit {
  readonly #limits: StreamLimits;
  readonly #open = new Map<string, number>();
  #all = 0;

  constructor(limits: StreamLimits) {
    this.#limits = limits;
  }

  get open(): number {
    return this.#all;
  }

  /** Takes a place and gives the way to give it back. @throws TOO_MANY_STREAMS */
  enter(client: string): () => void {
    const { perClient, all } = this.#limits;
    const open = this.#open.get(client) ?? 0;
    if (open >= perClient) throw new SparkifyError('TOO_MANY_STREAMS', { limit: perClient });
    if (this.#all >= all) throw new SparkifyError('TOO_MANY_STREAMS', { limit: all });
    this.#open.set(client, open + 1);
    this.#all++;
    let left = false;
    return () => {
      if (left) return;
      left = true;
      this.#all--;
      const now = this.#open.get(client)! - 1;
      if (now === 0) this.#open.delete(client);
      else this.#open.set(client, now);
    };
  }
}

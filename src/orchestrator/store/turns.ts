import { SparkifyError } from '../../core/errors.ts';

/** How long somebody waits, before it is said that the others never end. */
const MAX_WAIT_MS = 60_000;

/** Lets at most `places` users in at once, in the order they asked: open → ended, once and for all. */
export class Turns {
  readonly #store: string;
  readonly #places: number;
  #free: number;
  #ended = false;
  readonly #waiting: (() => void)[] = [];

  constructor(store: string, places: number) {
    this.#store = store;
    this.#places = places;
    this.#free = places;
  }

  /** @throws STORE_BUSY after a minute: then some work waits for itself */
  async take(): Promise<void> {
    if (this.#ended) throw new SparkifyError('INTERNAL', { detail: `the store ${this.#store} was closed` });
    await this.#wait();
  }

  /** Lets in nobody more, and waits until those who are in or were waiting have left. */
  async end(): Promise<void> {
    this.#ended = true;
    for (let place = 0; place < this.#places; place++) await this.#wait();
  }

  /** A place goes straight to who has waited longest. */
  give(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#free++;
    else next();
  }

  async #wait(): Promise<void> {
    if (this.#free > 0) {
      this.#free--;
      return;
    }
    await new Promise<void>((resolve, reject) => {
      const go = (): void => {
        clearTimeout(timer);
        resolve();
      };
      const timer = setTimeout(() => {
        this.#waiting.splice(this.#waiting.indexOf(go), 1);
        const detail = 'other work of this process on it has not ended for a minute; is this one inside of it?';
        reject(new SparkifyError('STORE_BUSY', { store: this.#store, detail }));
      }, MAX_WAIT_MS);
      this.#waiting.push(go);
    });
  }
}

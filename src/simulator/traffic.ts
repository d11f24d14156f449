import type { Exponential } from './distributions.ts';
import type { User } from './population.ts';
import type { Rhythm } from './rhythm.ts';
import type { Chain, State } from './transitions.ts';

/** Anything with a length that can be played; `index` is its number among all tracks. */
export interface Playable {
  readonly index: number;
  readonly wholeSeconds: number;
}

export interface TrafficKnobs {
  readonly alpha: number;
  readonly churn: number;
  readonly sessionGap: number;
  readonly maxSessionEvents: number;
}

/** Takes one event: `second` is epoch seconds, UTC; `track` is there exactly for plays. */
export type EventTaker<T extends Playable> = (user: User, state: State, second: number, track: T | undefined) => void;

/**
 * The queue of user sessions. Each user has at most one event waiting; the earliest leaves first, the lower user first
 * among equals, so events come in an order that the seed alone decides. A session gets its id when its first event
 * leaves the queue: ids grow with time.
 *
 * A user waits for the begin of the next session (`sessionId` 0) or for the next event of a session; `state` is that of
 * the event waited for. Who has no further session is gone: not in the queue any more.
 */
export class Traffic<T extends Playable> {
  private readonly users: readonly User[];
  private readonly chain: Chain;
  private readonly knobs: TrafficKnobs;
  private readonly rhythm: Rhythm;
  private readonly spread: Exponential;
  private readonly endSecond: number;
  private readonly play: (user: User) => T;
  /** Binary heap of user numbers by `nextAt`. */
  private readonly heap: Uint32Array;
  private size = 0;
  private readonly nextAt: Float64Array;
  private sessions = 0;

  constructor(parts: {
    users: readonly User[];
    chain: Chain;
    knobs: TrafficKnobs;
    rhythm: Rhythm;
    spread: Exponential;
    endSecond: number;
    play: (user: User) => T;
  }) {
    this.users = parts.users;
    this.chain = parts.chain;
    this.knobs = parts.knobs;
    this.rhythm = parts.rhythm;
    this.spread = parts.spread;
    this.endSecond = parts.endSecond;
    this.play = parts.play;
    this.heap = new Uint32Array(parts.users.length);
    this.nextAt = new Float64Array(parts.users.length);
    for (const [i, user] of parts.users.entries()) {
      const begin = this.nextSession(user, user.arrivesAt);
      if (begin === undefined) continue;
      this.nextAt[i] = begin;
      this.heap[this.size++] = i;
    }
    for (let i = (this.size >> 1) - 1; i >= 0; i--) this.sink(i);
  }

  /** Hands out every event before `limitSecond`, in order of time. */
  runUntil(limitSecond: number, take: EventTaker<T>): void {
    while (this.size > 0) {
      const index = this.heap[0] as number;
      const second = this.nextAt[index] as number;
      if (second >= limitSecond) return;
      const user = this.users[index] as User;
      const next = this.step(user, second, take);
      if (next === undefined) this.heap[0] = this.heap[--this.size] as number;
      else this.nextAt[index] = next;
      this.sink(0);
    }
  }

  /** Emits the user's event at `second`; returns when the next one is due, or undefined when the user is gone. */
  private step(user: User, second: number, take: EventTaker<T>): number | undefined {
    if (user.sessionId === 0) {
      user.sessionId = ++this.sessions;
      user.item = 0;
      user.songEnds = 0;
    }
    const state = user.state as State;
    let track: T | undefined;
    if (state.isPlay) {
      track = this.play(user);
      user.songEnds = second + track.wholeSeconds;
    } else if (!state.loggedIn) user.songEnds = 0;
    take(user, state, second, track);
    user.item++;
    const next = user.item < this.knobs.maxSessionEvents ? choose(state, user.behaviour.next()) : undefined;
    if (next === undefined) return this.endSession(user, second, state);
    user.state = next;
    if (state.isRedirect) return second + 1;
    if (next.isPlay && user.songEnds > second) return user.songEnds;
    return second + 1 + Math.floor(this.spread.draw(user.behaviour) * this.knobs.alpha);
  }

  private endSession(user: User, second: number, state: State): number | undefined {
    user.sessionId = 0;
    user.state = state;
    if (user.behaviour.chance(this.knobs.churn)) return undefined;
    return this.nextSession(user, second + this.knobs.sessionGap);
  }

  /** When the next session begins, from `earliest` on, and its first state; undefined when there is none any more. */
  private nextSession(user: User, earliest: number): number | undefined {
    const mean = user.gapSeconds * this.rhythm.mean;
    let second = earliest;
    do {
      second += Math.floor(this.spread.draw(user.behaviour) * mean) + 1;
      if (second >= this.endSecond || second > user.leavesAt) return undefined;
    } while (user.behaviour.next() >= this.rhythm.threshold(second));
    const entry = this.chain.entry[user.state?.level ?? user.initialLevel];
    const draw = user.behaviour.next();
    const chosen = entry.below.findIndex((below) => draw < below);
    user.state = entry.states[chosen] as State;
    return second;
  }

  private sink(start: number): void {
    const { heap, nextAt, size } = this;
    if (size === 0) return;
    const moved = heap[start] as number;
    const time = nextAt[moved] as number;
    let hole = start;
    for (;;) {
      let child = 2 * hole + 1;
      if (child >= size) break;
      const right = child + 1;
      if (right < size && this.before(heap[right] as number, heap[child] as number)) child = right;
      const candidate = heap[child] as number;
      const candidateTime = nextAt[candidate] as number;
      if (time < candidateTime || (time === candidateTime && moved < candidate)) break;
      heap[hole] = candidate;
      hole = child;
    }
    heap[hole] = moved;
  }

  private before(a: number, b: number): boolean {
    const left = this.nextAt[a] as number;
    const right = this.nextAt[b] as number;
    return left < right || (left === right && a < b);
  }
}

function choose(state: State, draw: number): State | undefined {
  const { below, next } = state;
  for (let i = 0; i < below.length; i++) if (draw < (below[i] as number)) return next[i];
  return undefined;
}

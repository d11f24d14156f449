import { SparkifyError } from '../core/errors.ts';

export type Auth = 'Logged In' | 'Logged Out';
export type Level = 'free' | 'paid';

/** Where a session stands: one point of the Markov chain. `level` left out means: at either level. */
export interface StateSpec {
  readonly page: string;
  readonly auth: Auth;
  readonly method: 'GET' | 'PUT';
  readonly status: number;
  readonly level?: Level | undefined;
}

export interface TransitionSpec {
  readonly source: StateSpec;
  /** Without a level: the level of the source. */
  readonly dest: StateSpec;
  /** Share of the visits to `source` that go on to `dest`; what is left over ends the session. */
  readonly p: number;
}

export interface EntrySpec {
  readonly state: StateSpec;
  /** Relative weight among the ways a session begins. */
  readonly weight: number;
}

/** A state with its way on, ready to be drawn from: `next[i]` is taken when a 32-bit draw is below `below[i]`. */
export interface State {
  readonly page: string;
  readonly auth: Auth;
  readonly method: string;
  readonly status: number;
  readonly level: Level;
  readonly isPlay: boolean;
  readonly loggedIn: boolean;
  readonly isRedirect: boolean;
  readonly next: State[];
  readonly below: number[];
}

export interface Chain {
  readonly states: readonly State[];
  readonly entry: Readonly<Record<Level, { readonly states: readonly State[]; readonly below: readonly number[] }>>;
}

const REQUESTS: Readonly<Record<string, readonly ['GET' | 'PUT', number]>> = {
  NextSong: ['PUT', 200],
  Login: ['PUT', 307],
  Logout: ['PUT', 307],
  'Submit Upgrade': ['PUT', 307],
  'Submit Downgrade': ['PUT', 307],
  'Save Settings': ['PUT', 307],
  Error: ['GET', 404],
};

function at(page: string, auth: Auth = 'Logged In', level?: Level): StateSpec {
  const [method, status] = REQUESTS[page] ?? (['GET', 200] as const);
  return { page, auth, method, status, ...(level === undefined ? {} : { level }) };
}

/** How sessions begin, as the logs of November 2018 show it. */
export function defaultEntries(): EntrySpec[] {
  return [
    { state: at('NextSong'), weight: 50 },
    { state: at('Home'), weight: 35 },
    { state: at('Home', 'Logged Out'), weight: 10 },
    { state: at('Login', 'Logged Out'), weight: 5 },
  ];
}

/** The default chain; its shares are those of the logs of November 2018. */
export function defaultTransitions(upgrade: number, downgrade: number): TransitionSpec[] {
  const chain: TransitionSpec[] = [];
  const from = (source: StateSpec, ways: readonly (readonly [StateSpec, number])[]) => {
    for (const [dest, p] of ways) chain.push({ source, dest, p });
  };
  const out = (page: string) => at(page, 'Logged Out');
  for (const level of ['free', 'paid'] as const) {
    const paid = level === 'paid';
    const here = (page: string) => at(page, 'Logged In', level);
    const offer: readonly [StateSpec, number] = paid ? [at('Downgrade'), 0.01] : [at('Upgrade'), 0.014];
    from(here('NextSong'), [
      [at('NextSong'), paid ? 0.882 : 0.79],
      [at('Home'), 0.021],
      [at('Logout'), 0.0115],
      offer,
      [at('Settings'), 0.005],
      [at('Help'), 0.0047],
      [at('About'), 0.0021],
      [at('Error'), 0.0012],
    ]);
    from(here('Home'), [
      [at('NextSong'), 0.72],
      [at('Settings'), 0.032],
      [at('Logout'), 0.015],
      [at('Home'), 0.008],
      [offer[0], 0.008],
    ]);
  }
  from(at('Settings'), [
    [at('NextSong'), 0.54],
    [at('Save Settings'), 0.18],
    [at('Settings'), 0.07],
    [at('Home'), 0.07],
    [at('Logout'), 0.05],
  ]);
  from(at('Save Settings'), [[at('Home'), 1]]);
  from(at('Help'), [
    [at('NextSong'), 0.8],
    [at('Home'), 0.08],
  ]);
  from(at('About'), [
    [at('NextSong'), 0.2],
    [at('Home'), 0.3],
    [at('About'), 0.15],
  ]);
  from(at('Error'), [
    [at('NextSong'), 0.3],
    [at('Home'), 0.2],
  ]);
  const rest = (taken: number, ways: readonly (readonly [StateSpec, number])[]) =>
    ways.map(([dest, share]) => [dest, share * (1 - taken)] as const);
  from(at('Upgrade', 'Logged In', 'free'), [
    [at('Submit Upgrade', 'Logged In', 'free'), upgrade],
    ...rest(upgrade, [
      [at('Home'), 0.45],
      [at('NextSong'), 0.35],
    ]),
  ]);
  from(at('Submit Upgrade', 'Logged In', 'free'), [[at('Home', 'Logged In', 'paid'), 1]]);
  from(at('Downgrade', 'Logged In', 'paid'), [
    [at('Submit Downgrade', 'Logged In', 'paid'), downgrade],
    ...rest(downgrade, [
      [at('NextSong'), 0.65],
      [at('Home'), 0.2],
      [at('Downgrade'), 0.05],
    ]),
  ]);
  from(at('Submit Downgrade', 'Logged In', 'paid'), [[at('Home', 'Logged In', 'free'), 1]]);
  from(at('Logout'), [[out('Home'), 1]]);
  from(out('Home'), [
    [out('Login'), 0.36],
    [out('Home'), 0.15],
    [out('About'), 0.08],
    [out('Help'), 0.04],
  ]);
  from(out('About'), [
    [out('Login'), 0.3],
    [out('Home'), 0.15],
  ]);
  from(out('Help'), [
    [out('Help'), 0.3],
    [out('Login'), 0.2],
  ]);
  from(out('Login'), [[at('Home'), 1]]);
  return chain;
}

/**
 * Compiles the specification into states that point at each other.
 * @throws SIMULATION_INVALID for shares over 1, a play while logged out, or a level without a way to begin
 */
export function compileChain(entries: readonly EntrySpec[], transitions: readonly TransitionSpec[]): Chain {
  const states = new Map<string, State>();
  const state = (spec: StateSpec, level: Level): State => {
    const key = JSON.stringify([spec.page, spec.auth, spec.method, spec.status, level]);
    const known = states.get(key);
    if (known !== undefined) return known;
    const loggedIn = spec.auth === 'Logged In';
    const isPlay = spec.page === 'NextSong';
    if (isPlay && !loggedIn)
      throw new SparkifyError('SIMULATION_INVALID', { detail: 'transitions: NextSong needs auth "Logged In"' });
    const made: State = {
      page: spec.page,
      auth: spec.auth,
      method: spec.method,
      status: spec.status,
      level,
      isPlay,
      loggedIn,
      isRedirect: spec.status >= 300 && spec.status < 400,
      next: [],
      below: [],
    };
    states.set(key, made);
    return made;
  };
  const sums = new Map<State, number>();
  for (const { source, dest, p } of transitions)
    for (const level of source.level === undefined ? (['free', 'paid'] as const) : [source.level]) {
      const from = state(source, level);
      const sum = (sums.get(from) ?? 0) + p;
      if (sum > 1 + 1e-9)
        throw new SparkifyError('SIMULATION_INVALID', {
          detail: `transitions: the shares from ${source.page} (${source.auth}, ${level}) add up to more than 1`,
        });
      sums.set(from, sum);
      from.next.push(state(dest, dest.level ?? level));
      from.below.push(Math.min(4_294_967_296, Math.round(sum * 4_294_967_296)));
    }
  const entry = (level: Level) => {
    const fitting = entries.filter((e) => e.state.level === undefined || e.state.level === level);
    const total = fitting.reduce((sum, e) => sum + e.weight, 0);
    if (total <= 0)
      throw new SparkifyError('SIMULATION_INVALID', { detail: `newSession: no session can begin at level ${level}` });
    let sum = 0;
    const below = fitting.map((e) => {
      sum += e.weight;
      return Math.round((sum / total) * 4_294_967_296);
    });
    return { states: fitting.map((e) => state(e.state, level)), below };
  };
  return { entry: { free: entry('free'), paid: entry('paid') }, states: [...states.values()] };
}

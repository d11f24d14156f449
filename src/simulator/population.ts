import type { Exponential } from './distributions.ts';
import { inOnePiece, jsonLogText } from './json-text.ts';
import type { ResolvedSimulation } from './options.ts';
import { RandomStream } from './random.ts';
import type { Level, State } from './transitions.ts';
import { FIRST_NAMES_F, FIRST_NAMES_M, LAST_NAMES, LOCATIONS, USER_AGENTS } from './words.ts';

const YEAR_SECONDS = 31_557_600;

/** The parts of a log line that are a user's own, as JSON text. */
export interface Profile {
  readonly userId: string;
  readonly firstName: string;
  readonly lastName: string;
  readonly gender: string;
  readonly location: string;
  readonly registration: string;
  readonly userAgent: string;
  readonly agentQuoted: boolean;
  /** `,"auth":…,"itemInSession":` · `,"lastName":…,"length":` · `,"userAgent":…}`, put together once. */
  readonly head: string;
  readonly middle: string;
  readonly tail: string;
}

/** A user while the simulation runs. */
export interface User {
  readonly id: number;
  readonly profile: Profile;
  /** Drives the sessions; its own stream, so that no user's life moves another's. */
  readonly behaviour: RandomStream;
  /** Drives which songs are played. */
  readonly taste: RandomStream;
  /** Mean seconds between sessions, before damping. */
  readonly gapSeconds: number;
  /** Epoch second after which no session begins. */
  readonly leavesAt: number;
  readonly arrivesAt: number;
  readonly initialLevel: Level;
  /** State of the event that is waited for. */
  state: State | undefined;
  /** 0: in no session. */
  sessionId: number;
  item: number;
  /** Epoch second at which the song now playing ends; 0: none is. */
  songEnds: number;
  /** The text between length and session in the lines of `textState`; kept because most events repeat the state. */
  textState: State | undefined;
  text: string;
}

function profile(parts: Omit<Profile, 'head' | 'middle' | 'tail'>, auth: string): Profile {
  return {
    ...parts,
    head: inOnePiece(`,"auth":"${auth}","firstName":${parts.firstName},"gender":${parts.gender},"itemInSession":`),
    middle: inOnePiece(`,"lastName":${parts.lastName},"length":`),
    tail: inOnePiece(`,"userAgent":${parts.userAgent},"userId":"${parts.userId}"}`),
  };
}

/** Whoever is logged out: all nulls, and `""` as the user. */
export const ANONYMOUS: Profile = profile(
  {
    userId: '',
    firstName: 'null',
    lastName: 'null',
    gender: 'null',
    location: 'null',
    registration: 'null',
    userAgent: 'null',
    agentQuoted: true,
  },
  'Logged Out',
);

/** The users of the start, then those who join while it runs. */
export function makePopulation(simulation: ResolvedSimulation, msOfSecond: number, spread: Exponential): User[] {
  const { knobs, fromSeconds, toSeconds } = simulation;
  const span = toSeconds - fromSeconds;
  const joining = Math.round((knobs.users * knobs.growth * span) / YEAR_SECONDS);
  return Array.from({ length: knobs.users + joining }, (_, i) => {
    const random = new RandomStream(knobs.seed, 'profile', i);
    const late = i - knobs.users;
    const arrivesAt =
      late < 0 ? fromSeconds : fromSeconds + Math.floor(((late + random.fraction()) / Math.max(1, joining)) * span);
    const registeredAt = arrivesAt - (late < 0 ? 3600 + random.below(90 * 86_400) : 30 + random.below(600));
    const lifetime = knobs.attrition === 0 ? span : (spread.draw(random) * YEAR_SECONDS) / knobs.attrition;
    const female = random.chance(0.55);
    const agent = random.pick(USER_AGENTS);
    const gapFactor = 0.25 + 0.75 * spread.draw(random);
    const { free, paid } = knobs.levels;
    return {
      id: i + 1,
      profile: profile(
        {
          userId: String(i + 1),
          firstName: jsonLogText(random.pick(female ? FIRST_NAMES_F : FIRST_NAMES_M)),
          lastName: jsonLogText(random.pick(LAST_NAMES)),
          gender: female ? '"F"' : '"M"',
          location: jsonLogText(random.pick(LOCATIONS)),
          registration: `${registeredAt * 1000 + msOfSecond}.0`,
          userAgent: jsonLogText(agent.quoted ? `"${agent.text}"` : agent.text),
          agentQuoted: agent.quoted,
        },
        'Logged In',
      ),
      behaviour: new RandomStream(knobs.seed, 'behaviour', i),
      taste: new RandomStream(knobs.seed, 'taste', i),
      gapSeconds: knobs.beta * gapFactor,
      leavesAt: knobs.attrition === 0 ? toSeconds : arrivesAt + lifetime,
      arrivesAt,
      initialLevel: random.chance(paid / (free + paid)) ? 'paid' : 'free',
      state: undefined,
      sessionId: 0,
      item: 0,
      songEnds: 0,
      textState: undefined,
      text: '',
    };
  });
}

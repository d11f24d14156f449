import { z } from 'zod';
import { SparkifyError } from '../core/errors.ts';
import { type DefectRates, defectsSchema, resolveDefects } from './defects.ts';
import { type Chain, compileChain, defaultEntries, defaultTransitions } from './transitions.ts';

const share = z.number().min(0).max(1);
const day = z.iso.date();
const state = z.strictObject({
  page: z.string().min(1),
  auth: z.enum(['Logged In', 'Logged Out']),
  method: z.enum(['GET', 'PUT']),
  status: z.number().int().min(100).max(599),
  level: z.enum(['free', 'paid']).optional(),
});

/** The configuration file: every knob, its meaning and its default. `docs/simulator.md` shows the same list. */
export const simulationConfigSchema = z.strictObject({
  /** Names the whole output: same seed and knobs, same bytes, on any machine. */
  seed: z.number().int().min(0).max(Number.MAX_SAFE_INTEGER).default(1),
  /** Users at the start. */
  users: z.number().int().min(1).max(5_000_000).default(100),
  /** Songs in the catalogue. */
  songs: z.number().int().min(0).max(2_000_000).default(1000),
  /** First day, UTC. */
  from: day.default('2018-11-01'),
  /** Day after the last one, UTC. */
  to: day.default('2018-12-01'),
  /** New users a year, as a share of `users`. */
  growth: z.number().min(0).max(1000).default(0.5),
  /** Share of the users that leaves within a year, spread evenly over time. */
  attrition: z.number().min(0).max(100).default(0.1),
  /** Share of sessions after which the user never comes back. */
  churn: share.default(0.001),
  /** Mean seconds between two requests of a session (songs take their own length). */
  alpha: z.number().min(1).max(86_400).default(60),
  /** Mean seconds between two sessions of a typical user. */
  beta: z.number().min(60).max(31_536_000).default(259_200),
  /** Least seconds between two sessions of a user. */
  sessionGap: z.number().int().min(1800).max(604_800).default(1800),
  damping: z
    .strictObject({
      /** How much of the peak's rate of new sessions is missing in the depth of the night. */
      daily: z.number().min(0).max(0.95).default(0.75),
      /** Hour of the day (UTC) with the most new sessions. */
      peakHour: z.number().min(0).max(24).default(17),
      /** How much is missing on Saturdays and Sundays. */
      weekend: z.number().min(0).max(0.95).default(0.5),
      /** How much is missing on holidays. */
      holiday: z.number().min(0).max(0.95).default(0.4),
      /** `MM-dd` (every year) or `yyyy-MM-dd`. */
      holidays: z
        .array(z.string().regex(/^(\d{4}-)?\d{2}-\d{2}$/, 'write MM-dd or yyyy-MM-dd'))
        .default(['01-01', '07-04', '12-25', '12-31', '2018-11-22']),
    })
    .prefault({}),
  /** How many of the new users are at each level; weights. */
  levels: z
    .strictObject({ free: z.number().min(0).default(0.75), paid: z.number().min(0).default(0.25) })
    .refine((l) => l.free + l.paid > 0, 'one of the weights must be above 0')
    .prefault({}),
  /** Share of the visits to Upgrade that submit it (default chain only). */
  upgrade: share.default(0.38),
  /** Share of the visits to Downgrade that submit it (default chain only). */
  downgrade: share.default(0.08),
  /** How sessions begin; replaces the default. */
  newSession: z.array(z.strictObject({ state, weight: z.number().min(0) })).optional(),
  /** The Markov chain; replaces the default. */
  transitions: z.array(z.strictObject({ source: state, dest: state, p: share })).optional(),
  /** Share of the plays whose song is in the catalogue; the rest is of songs that have no file. */
  catalogueShare: share.default(0.6),
  /** Exponent of the popularity of songs: 0 all alike, 1 as Zipf has it. */
  popularity: z.number().min(0).max(3).default(0.8),
  /** Share of the catalogue that is another version (equal title and artist, other duration) of a song in it. */
  versions: share.default(0.03),
  /** Share of the artists that come with several names or places. */
  artistVariants: share.default(0.1),
  /** Events of one session at most. */
  maxSessionEvents: z.number().int().min(1).max(1_048_576).default(2000),
});

export type SimulationConfig = z.input<typeof simulationConfigSchema>;

export interface SimulateOptions extends Pick<SimulationConfig, 'seed' | 'users' | 'songs' | 'from' | 'to'> {
  /** The parsed configuration file; what is also given directly above stands above it. */
  readonly config?: unknown;
  /** `'none'`, `'all'` or an object of rates by kind. @default 'none' */
  readonly defects?: unknown;
  /** Write `truth-plays/`, one line a play. @default true */
  readonly truthPlays?: boolean;
  readonly onProgress?: (progress: SimulationProgress) => void;
  readonly signal?: AbortSignal;
}

export interface SimulationProgress {
  readonly phase: 'songs' | 'logs';
  readonly done: number;
  readonly total: number;
  /** Events written so far. */
  readonly events: number;
}

export interface ResolvedSimulation {
  readonly knobs: z.output<typeof simulationConfigSchema>;
  readonly chain: Chain;
  readonly defects: DefectRates;
  /** Epoch seconds of 00:00 UTC. */
  readonly fromSeconds: number;
  readonly toSeconds: number;
  readonly truthPlays: boolean;
}

function parse<T extends z.ZodType>(schema: T, what: string, input: unknown): z.output<T> {
  const result = schema.safeParse(input);
  if (result.success) return result.data;
  const detail = result.error.issues
    .flatMap((issue) => (issue.code === 'invalid_union' ? (issue.errors.at(-1) ?? [issue]) : [issue]))
    .map((issue) => [issue.path.join('.'), issue.message].filter((part) => part !== '').join(': '))
    .join('; ');
  throw new SparkifyError('SIMULATION_INVALID', { detail: `${what}: ${detail}` });
}

/** Defaults, checks and compiles all options. @throws SIMULATION_INVALID naming every wrong or unknown knob */
export function resolveSimulation(options: SimulateOptions): ResolvedSimulation {
  const { seed, users, songs, from, to } = options;
  const direct = Object.entries({ seed, users, songs, from, to }).filter(([, value]) => value !== undefined);
  const config = options.config ?? {};
  if (typeof config !== 'object' || Array.isArray(config))
    throw new SparkifyError('SIMULATION_INVALID', { detail: 'configuration: it must be an object' });
  const knobs = parse(simulationConfigSchema, 'configuration', { ...config, ...Object.fromEntries(direct) });
  const defects = resolveDefects(parse(defectsSchema, 'defects', options.defects ?? 'none'));
  const fromSeconds = Date.parse(`${knobs.from}T00:00:00Z`) / 1000;
  const toSeconds = Date.parse(`${knobs.to}T00:00:00Z`) / 1000;
  if (!(fromSeconds < toSeconds))
    throw new SparkifyError('SIMULATION_INVALID', { detail: `from (${knobs.from}) must be before to (${knobs.to})` });
  if (knobs.from < '2000-01-01' || knobs.to > '2100-01-01')
    throw new SparkifyError('SIMULATION_INVALID', { detail: 'from and to must lie between 2000 and 2100' });
  if (knobs.transitions !== undefined && typeof config === 'object' && ('upgrade' in config || 'downgrade' in config))
    throw new SparkifyError('SIMULATION_INVALID', {
      detail: 'upgrade and downgrade belong to the default chain: with transitions, write them there',
    });
  const chain = compileChain(
    knobs.newSession ?? defaultEntries(),
    knobs.transitions ?? defaultTransitions(knobs.upgrade, knobs.downgrade),
  );
  return { knobs, chain, defects, fromSeconds, toSeconds, truthPlays: options.truthPlays ?? true };
}

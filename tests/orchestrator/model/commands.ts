import fc from 'fast-check';
import type { GraphTask, PipelineGraph } from '../../../src/pipeline/graph.ts';
import { graphOfTasks, graphTask } from '../graphs.ts';

/** How a worker ends an attempt; what does not fit the task's kind is read as the nearest that does. */
export type Ending =
  | 'succeed'
  | 'fail'
  | 'fail-for-good'
  | 'skip'
  | 'not-yet'
  | 'release'
  | 'cancel'
  | 'no-json'
  | 'too-large';

/** One step; numbers name the n-th thing there is, counted round. */
export type Command =
  | {
      readonly do: 'create';
      readonly graph: number;
      readonly kind: 'scheduled' | 'manual' | 'backfill';
      readonly day: number;
      readonly days: number;
      readonly only: number | undefined;
      readonly start: boolean;
    }
  | { readonly do: 'start'; readonly run: number }
  | { readonly do: 'claim'; readonly worker: number; readonly limit: number }
  | {
      readonly do: 'complete';
      readonly worker: number;
      readonly ends: readonly { readonly claim: number; readonly ending: Ending; readonly bits: number }[];
    }
  | { readonly do: 'complete-late'; readonly claim: number; readonly ending: Ending }
  | { readonly do: 'die'; readonly worker: number }
  | { readonly do: 'advance'; readonly ms: number }
  | { readonly do: 'expire' }
  | { readonly do: 'renew' | 'renew-holds'; readonly worker: number }
  | { readonly do: 'release'; readonly worker: number; readonly run: number }
  | { readonly do: 'cancel'; readonly run: number }
  | { readonly do: 'retry'; readonly run: number; readonly from: number | undefined }
  | { readonly do: 'retry-task'; readonly task: number }
  | { readonly do: 'mark'; readonly task: number; readonly state: 'succeeded' | 'skipped' };

export interface Case {
  readonly graphs: readonly PipelineGraph[];
  readonly commands: readonly Command[];
}

/** Pools that the graphs use, with their slots. */
export const pools = { narrow: 1, wide: 3 } as const;
export const queues = ['default', 'other'] as const;
export const LEASE_MS = 30_000;

interface TaskShape {
  readonly before: number;
  readonly kind: 'plain' | 'data' | 'mapped' | 'sensor' | 'branch';
  readonly trigger: GraphTask['trigger'];
  readonly retries: number;
  readonly pool: keyof typeof pools | undefined;
  readonly slots: number;
  readonly other: boolean;
  readonly past: boolean;
  readonly onTimeout: 'fail' | 'skip' | 'succeed';
}

const shape: fc.Arbitrary<TaskShape> = fc.record({
  before: fc.nat(255),
  kind: fc.constantFrom('plain', 'plain', 'data', 'data', 'mapped', 'mapped', 'sensor', 'branch'),
  trigger: fc.constantFrom(
    'all_succeeded',
    'all_succeeded',
    'all_succeeded',
    'all_succeeded',
    'all_done',
    'any_failed',
    'none_failed',
  ),
  retries: fc.nat(2),
  pool: fc.constantFrom(undefined, undefined, 'narrow', 'wide'),
  slots: fc.integer({ min: 1, max: 2 }),
  other: fc.boolean(),
  past: fc.nat(7).map((n) => n === 0),
  onTimeout: fc.constantFrom('fail', 'skip', 'succeed'),
});

function graphOfShapes(pipeline: string, shapes: readonly TaskShape[]): PipelineGraph {
  const tasks = shapes.map((s, i) =>
    graphTask(`t${i}`, {
      // Each bit is one of the tasks before it.
      after: Array.from({ length: i }, (_, j) => j)
        .filter((j) => (s.before >> j) & 1)
        .map((j) => `t${j}`),
      trigger: s.trigger,
      retries: { max: s.retries, delayMs: 10_000, factor: 2, maxDelayMs: 60_000, jitter: 0 },
      pool: s.pool,
      poolSlots: s.pool === 'wide' ? s.slots : 1,
      queue: s.other ? 'other' : 'default',
      dependsOnPast: s.past,
      data: s.kind === 'data',
      mapped: s.kind === 'mapped',
      branch: s.kind === 'branch',
      sensor: s.kind === 'sensor' ? { everyMs: 20_000, timeoutMs: 50_000, onTimeout: s.onTimeout } : undefined,
    }),
  );
  return graphOfTasks(tasks, { pipeline });
}

const graph = (pipeline: string): fc.Arbitrary<PipelineGraph> =>
  fc.array(shape, { minLength: 1, maxLength: 6 }).map((shapes) => graphOfShapes(pipeline, shapes));

const n = fc.nat(100);
const worker = fc.nat(2);
const ending: fc.Arbitrary<Ending> = fc.constantFrom(
  'succeed',
  'succeed',
  'succeed',
  'succeed',
  'fail',
  'fail',
  'fail-for-good',
  'skip',
  'not-yet',
  'release',
  'cancel',
  'no-json',
  'too-large',
);
const maybe = fc.option(n, { nil: undefined, freq: 1 });

const command: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 7,
    arbitrary: fc.record({
      do: fc.constant('create' as const),
      graph: fc.nat(1),
      kind: fc.constantFrom('scheduled', 'manual', 'backfill'),
      day: fc.nat(4),
      days: fc.integer({ min: 1, max: 2 }),
      only: fc.oneof(fc.constant(undefined), fc.constant(undefined), n),
      start: fc.nat(4).map((x) => x > 0),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('start' as const), run: n }) },
  {
    weight: 12,
    arbitrary: fc.record({ do: fc.constant('claim' as const), worker, limit: fc.integer({ min: 1, max: 8 }) }),
  },
  {
    weight: 14,
    arbitrary: fc.record({
      do: fc.constant('complete' as const),
      worker,
      ends: fc.array(fc.record({ claim: n, ending, bits: fc.nat(255) }), { minLength: 1, maxLength: 4 }),
    }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('complete-late' as const), claim: n, ending }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('die' as const), worker }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('advance' as const), ms: fc.constantFrom(1000, 9000, 31_000) }) },
  { weight: 3, arbitrary: fc.constant({ do: 'expire' } as const) },
  { weight: 4, arbitrary: fc.record({ do: fc.constantFrom('renew' as const, 'renew-holds' as const), worker }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('release' as const), worker, run: n }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('cancel' as const), run: n }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('retry' as const), run: n, from: maybe }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('retry-task' as const), task: n }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('mark' as const),
      task: n,
      state: fc.constantFrom('succeeded', 'skipped'),
    }),
  },
);

export const cases = (steps: number): fc.Arbitrary<Case> =>
  // Without the bias towards small values, which draws graphs of one task and commands that do nothing.
  fc.noBias(
    fc.record({
      graphs: fc.tuple(graph('p'), graph('q')),
      commands: fc.array(command, { minLength: steps / 2, maxLength: steps, size: 'max' }),
    }),
  );

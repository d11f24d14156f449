import type { Check } from './check.ts';
import type { FunctionContext, SensorLook } from './function-context.ts';
import type { JsonValue } from './json-value.ts';
import type { SensorTiming } from './sensor.ts';
import type { Calendar, Dimension, Fact, SqlTable, Staging } from './tables.ts';

/** Works on the warehouse: runs in the process that holds it. */
export type DataOperator =
  | { readonly kind: 'create-tables' }
  | { readonly kind: 'stage'; readonly staging: Staging }
  | { readonly kind: 'load-fact'; readonly table: Fact }
  /** `mode` is the classic switch; both modes end in the same rows (see docs/pipelines.md). */
  | {
      readonly kind: 'load-dimension';
      readonly table: Dimension | Calendar;
      readonly mode: 'append' | 'delete-and-load';
    }
  | { readonly kind: 'sql'; readonly table: SqlTable }
  | { readonly kind: 'quality'; readonly checks: readonly Check[] }
  | { readonly kind: 'publish' };

/** Code of the user, or a look outside: runs anywhere, at least once. */
export type FunctionOperator =
  | {
      readonly kind: 'function';
      readonly run: (context: FunctionContext) => unknown;
      /** Does nothing: a place in the graph. */
      readonly marker?: true;
    }
  /** Gives the names of the tasks or groups directly after it that go on; the others are skipped. */
  | {
      readonly kind: 'branch';
      readonly choose: (context: FunctionContext) => Choice | Promise<Choice>;
    }
  | {
      readonly kind: 'sensor';
      readonly look: (context: FunctionContext) => Look | Promise<Look>;
      readonly timing: SensorTiming;
    }
  /** A sensor on a staging's objects of the interval. */
  | {
      readonly kind: 'wait-for-objects';
      readonly staging: Staging;
      readonly timing: SensorTiming;
      /** A direct run looks once; this is what it makes of missing objects. */
      readonly inDirectRun: 'empty' | 'fail' | 'skip';
    }
  /** As many instances as `over` gives elements. */
  | {
      readonly kind: 'mapped';
      readonly over: (context: FunctionContext) => Elements | Promise<Elements>;
      readonly run: (context: FunctionContext, input: JsonValue) => unknown;
    }
  /** A function of a module, called in a thread of its own. */
  | {
      readonly kind: 'thread';
      /** `file:` URL. */
      readonly module: string;
      readonly export: string;
      readonly input: ThreadInput;
    };

/** What a task does: an operator with its options. A new operator adds a member here and a runner in operators/. */
export type OperatorSpec = DataOperator | FunctionOperator;

export type Choice = string | readonly string[];
export type Look = boolean | SensorLook;
type Elements = readonly JsonValue[];
export type ThreadInput =
  | JsonValue
  | ((context: FunctionContext) => JsonValue | undefined | Promise<JsonValue | undefined>)
  | undefined;

const DATA_KINDS: ReadonlySet<string> = new Set<DataOperator['kind']>([
  'create-tables',
  'stage',
  'load-fact',
  'load-dimension',
  'sql',
  'quality',
  'publish',
]);

/** Does it work on the warehouse? */
export function isDataOperator(operator: OperatorSpec): operator is DataOperator {
  return DATA_KINDS.has(operator.kind);
}

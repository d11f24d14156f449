import { PostgresQueryCompiler, SqliteQueryCompiler } from 'kysely';
import { backfillTransitions, runTransitions, taskTransitions } from '../model/states.ts';

const WORDS: ReadonlySet<unknown> = new Set([
  ...Object.keys(runTransitions),
  ...Object.keys(taskTransitions),
  ...Object.keys(backfillTransitions),
  'pending',
]);

/*
 * States stand in the statements themselves: the indexes of what is ready, running or pending hold only these rows, and an
 * engine that prepares `state = ?` cannot know that one of them will do.
 */

export class EmbeddedQueryCompiler extends SqliteQueryCompiler {
  protected override appendValue(value: unknown): void {
    if (WORDS.has(value)) this.appendImmediateValue(value);
    else super.appendValue(value);
  }
}

export class ServerQueryCompiler extends PostgresQueryCompiler {
  protected override appendValue(value: unknown): void {
    if (WORDS.has(value)) this.appendImmediateValue(value);
    else super.appendValue(value);
  }
}

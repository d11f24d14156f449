import { createContext, Script } from 'node:vm';
import { SparkifyError } from '../../core/errors.ts';
import type { LogLine } from './log-line.ts';

const LONGEST_PATTERN = 200;
/** Characters of a line that are looked at. */
const LONGEST_LINE = 16_000;
/** A pattern may hold the process up for so long at once, and take so long in all. */
const BATCH_MS = 100;
const TOTAL_MS = 10_000;

/** Looks for a pattern in texts. */
export interface TextSearch {
  /** Which of the texts have it. @throws USAGE when it takes too long */
  match(texts: readonly string[]): readonly boolean[];
}

/**
 * A search for a regular expression, without regard to case unless it has a capital letter. A pattern that goes astray
 * is stopped: whoever may read logs must not be able to hold the server up.
 * @throws USAGE when it is too long or is none
 */
export function openSearch(pattern: string): TextSearch {
  if (pattern.length > LONGEST_PATTERN)
    throw new SparkifyError('USAGE', {
      detail: `The pattern has ${pattern.length} characters; at most ${LONGEST_PATTERN} are taken.`,
      fix: 'Search for a shorter one.',
    });
  const sandbox: { regex: RegExp; texts: readonly string[]; found: boolean[] } = createContext({
    regex: compiled(pattern),
    texts: [],
    found: [],
  }) as never;
  const script = new Script('found = texts.map((text) => regex.test(text))');
  let spentMs = 0;
  return {
    match: (texts) => {
      sandbox.texts = texts.map((t) => (t.length > LONGEST_LINE ? t.slice(0, LONGEST_LINE) : t));
      const start = performance.now();
      try {
        // Regular expressions of V8 look for a termination as they go back: this ends them for certain.
        script.runInContext(sandbox, { timeout: BATCH_MS });
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ERR_SCRIPT_EXECUTION_TIMEOUT') throw tooSlow(pattern);
        throw error;
      }
      spentMs += performance.now() - start;
      if (spentMs > TOTAL_MS) throw tooSlow(pattern);
      return sandbox.found;
    },
  };
}

/** What a search looks at. */
export function searchedText(line: LogLine): string {
  return line.data === undefined ? line.msg : `${line.msg} ${JSON.stringify(line.data)}`;
}

function compiled(pattern: string): RegExp {
  try {
    // Letters of classes such as \S say nothing about case.
    return new RegExp(pattern, /\p{Lu}/u.test(pattern.replace(/\\./g, '')) ? 'u' : 'iu');
  } catch (error) {
    throw new SparkifyError(
      'USAGE',
      {
        detail: `"${pattern}" is no regular expression: ${(error as Error).message.replace(/^.*\/: /, '')}`,
        fix: 'Put a \\ before characters that stand for themselves: \\( \\[ \\* \\. \\?',
      },
      { cause: error },
    );
  }
}

function tooSlow(pattern: string): SparkifyError {
  return new SparkifyError('USAGE', {
    detail: `Searching for "${pattern}" takes too long: repetitions inside of repetitions try too many ways.`,
    fix: 'Search for a plain text, or write the pattern without nested + and *.',
  });
}

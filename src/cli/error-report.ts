import { errorText, isSparkifyError, SparkifyError, toSparkifyError } from '../core/errors.ts';
import type { CliContext } from './context.ts';
import { jsonText } from './output.ts';
import { visible } from './text-width.ts';

export const INTERRUPTED = 130;

/** Tells an error on stderr and gives the exit code that belongs to it. */
export async function reportError(context: CliContext, error: unknown, options: { json: boolean }): Promise<number> {
  const { err, errColors: c } = context;
  if (context.signal.aborted && !options.json) {
    await err.write(`${c.yellow('interrupted')}: run it again to carry on from what is done\n`);
    return INTERRUPTED;
  }
  const known = placeError(error) ?? toSparkifyError(error);
  const causes = causeChain(known.cause, known.message);
  if (options.json) {
    const problem = {
      code: context.signal.aborted ? 'INTERRUPTED' : known.code,
      message: masked(known.message),
      causes,
      fix: masked(known.remedy),
      retryable: known.retryable,
    };
    await err.write(`${jsonText(problem)}\n`);
    return context.signal.aborted ? INTERRUPTED : known.exitCode;
  }
  const lines = [`${c.red('error')}: ${printable(known.message)} ${c.dim(`[${known.code}]`)}`];
  for (const cause of causes) lines.push(`  ${c.dim('cause:')} ${printable(cause)}`);
  lines.push(`  ${c.dim('fix:')}   ${printable(known.remedy)}`);
  if (context.env.SPARKIFY_DEBUG === '1' || known.code === 'INTERNAL') lines.push(c.dim(stackOf(known.cause ?? known)));
  await err.write(`${lines.join('\n')}\n`);
  return known.exitCode;
}

const PLACE_PROBLEMS = new Set(['EACCES', 'EPERM', 'EROFS', 'ENOTDIR', 'EISDIR', 'EEXIST', 'ENOSPC', 'EDQUOT']);

/** What the file system refuses at a place that somebody named is no defect of the program. */
function placeError(error: unknown): SparkifyError | undefined {
  if (isSparkifyError(error) || !(error instanceof Error)) return undefined;
  const { code, path } = error as NodeJS.ErrnoException;
  if (code === undefined || path === undefined || !PLACE_PROBLEMS.has(code)) return undefined;
  const fix = 'Name a place that can be written to, with room on its disk.';
  return new SparkifyError('USAGE', { detail: `${path} cannot be used: ${error.message}`, fix }, { cause: error });
}

/** At most three causes, each only if it says something that was not said yet. */
function causeChain(first: unknown, said: string): readonly string[] {
  const result: string[] = [];
  let told = said;
  let cause = first;
  for (let depth = 0; depth < 6 && cause !== undefined && cause !== null && result.length < 3; depth++) {
    const text = isIssueList(cause) ? '' : masked(errorText(cause).split('\n').slice(0, 3).join(' ').trim());
    if (text !== '' && !told.includes(text)) {
      result.push(text.length > 500 ? `${text.slice(0, 500)}…` : text);
      told += text;
    }
    cause = cause instanceof AggregateError ? cause.errors[0] : cause instanceof Error ? cause.cause : undefined;
  }
  return result;
}

/** What a schema found is in the sentence of the error that it caused; its own text is a listing in JSON. */
function isIssueList(cause: unknown): boolean {
  return cause instanceof Error && 'issues' in cause && Array.isArray(cause.issues);
}

function stackOf(error: unknown): string {
  return error instanceof Error && !isSparkifyError(error) ? masked(error.stack ?? error.message) : '';
}

/** For a terminal, which names of files and values of data must not steer. Line breaks stay. */
function printable(text: string): string {
  return masked(text).split('\n').map(visible).join('\n');
}

/** Passwords in URLs and keyword lists never leave the process. */
export function masked(text: string): string {
  return text
    .replace(/(\b[a-z][a-z0-9+.-]*:\/\/[^\s:/@]*):[^\s@]*@/gi, '$1:***@')
    .replace(/\b(password|secret|token)=([^\s&;'"]+)/gi, '$1=***');
}

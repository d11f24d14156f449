import { SparkifyError } from '../core/errors.ts';
import { type CliContext, line } from './context.ts';

/**
 * Is this really wanted? `--yes` says so; otherwise a person types `yes`. Without a terminal nobody is asked.
 * @throws USAGE without `--yes` and without a terminal
 */
export async function confirm(
  context: CliContext,
  consequences: readonly string[],
  options: { readonly yes: boolean; readonly command: string },
): Promise<boolean> {
  if (options.yes) return true;
  for (const text of consequences) await line(context.err, text);
  if (!context.interactive) {
    throw new SparkifyError('USAGE', {
      detail: `${options.command} wants a confirmation, and there is no terminal to ask on.`,
      fix: 'Add --yes when all of the above shall go.',
    });
  }
  const answer = await context.ask('Type yes to go on: ');
  if (answer?.trim().toLowerCase() === 'yes') return true;
  await line(context.err, 'Nothing was changed.');
  return false;
}

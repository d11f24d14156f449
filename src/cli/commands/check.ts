import { systemClock } from '../../core/clock.ts';
import { SparkifyError } from '../../core/errors.ts';
import { type CheckResult, type CheckRow, checkHistory, recordChecks } from '../../ledger/checks.ts';
import { ledgerTransaction } from '../../ledger/transaction.ts';
import { starSchema } from '../../operators/create-tables.ts';
import { checkStar } from '../../quality/check-star.ts';
import { type CliContext, line } from '../context.ts';
import { jsonText, writeJsonArray } from '../output.ts';
import { withPlaceholders } from '../parameters.ts';
import { openProject, type ProjectFlags, parameterSources, pipelineOf } from '../project.ts';
import { withStanding } from '../standing-access.ts';
import { nameFix } from '../suggest.ts';
import { visible } from '../text-width.ts';

export interface CheckFlags extends ProjectFlags {
  readonly pipeline?: string;
  readonly set?: Readonly<Record<string, string>>;
  readonly history: number;
  readonly json?: boolean;
}

interface Checked {
  readonly result: CheckResult;
  /** Earlier verdicts, newest first. */
  readonly history: readonly CheckRow[];
}

/** `sparkify check`: the checks on what is published; the verdicts enter the history. */
export async function check(context: CliContext, flags: CheckFlags, name?: string): Promise<number> {
  const project = await openProject(context, flags);
  const declared = pipelineOf(project, flags.pipeline);
  const pipeline = withPlaceholders(declared, parameterSources(context, project, declared, flags.set));
  const names = pipeline.checks.map((c) => c.name);
  if (name !== undefined && !names.includes(name))
    throw new SparkifyError('USAGE', {
      detail: `Pipeline ${pipeline.name} has no check "${name}".`,
      fix: nameFix(name, names, 'Declare it under `checks`.'),
    });
  const nowMs = systemClock.nowMs();
  const checked = await withStanding<readonly Checked[]>(
    context,
    project,
    pipeline,
    {
      finish: async (warehouse, all) => {
        const results = all.map((c) => c.result);
        await ledgerTransaction(warehouse, (tx) => recordChecks(tx, pipeline.name, null, results, nowMs));
      },
    },
    async ({ warehouse, session, standing }) => {
      const wanted = name === undefined ? names : [name];
      const histories = new Map<string, readonly CheckRow[]>();
      for (const n of flags.history === 0 ? [] : wanted)
        histories.set(n, await checkHistory(session, pipeline.name, { name: n, limit: flags.history }));
      const schema = starSchema(warehouse, pipeline);
      const results = await checkStar(session, { standing, schema, nowMs, names: wanted });
      return results.map((result) => ({ result, history: histories.get(result.name) ?? [] }));
    },
  );
  if (flags.json === true) await writeJsonArray(context.out, checked.map(asJson));
  else await print(context, checked);
  return checked.some(({ result }) => result.severity === 'error' && result.verdict !== 'passed') ? 1 : 0;
}

function verdictText({ verdict, expected, actual }: Pick<CheckRow, 'verdict' | 'expected' | 'actual'>): string {
  return verdict === 'interrupted' ? 'it did not come to a verdict' : `expected ${expected}, found ${actual}`;
}

function samplesOf({ samples }: CheckRow): readonly unknown[] {
  return samples === null ? [] : (JSON.parse(samples) as readonly unknown[]);
}

function asJson({ result, history }: Checked): unknown {
  return {
    ...result,
    history: history.map((h) => ({
      at: new Date(h.at_ms).toISOString(),
      verdict: h.verdict,
      batch: h.batch_id,
      expected: h.expected,
      actual: h.actual,
      samples: samplesOf(h),
    })),
  };
}

async function print(context: CliContext, checked: readonly Checked[]): Promise<void> {
  const c = context.outColors;
  const past = (h: CheckRow): string => (h.verdict === 'passed' ? c.green('✓') : c.red('✗'));
  for (const { result: r, history } of checked) {
    const mark = r.verdict === 'passed' ? c.green('✓') : r.severity === 'error' ? c.red('✗') : c.yellow('!');
    const before = history.length === 0 ? '' : c.dim('  before: ') + [...history].reverse().map(past).join('');
    await line(context.out, `${mark} ${visible(r.name)}${before}`);
    const last = history[0];
    if (last !== undefined && last.verdict !== 'passed' && last.batch_id !== null && last.actual !== r.actual) {
      const when = new Date(last.at_ms).toISOString();
      await line(context.out, `    in the run at ${when}: ${visible(verdictText(last))}`);
      for (const sample of samplesOf(last).slice(0, 5)) await line(context.out, c.dim(`    ${jsonText(sample)}`));
    }
    if (r.verdict === 'passed') continue;
    await line(context.out, `    ${visible(verdictText(r))}`);
    for (const sample of r.samples.slice(0, 5)) await line(context.out, c.dim(`    ${jsonText(sample)}`));
  }
  const passed = checked.filter(({ result }) => result.verdict === 'passed').length;
  await line(context.out, c.dim(`${passed} of ${checked.length} checks passed`));
}

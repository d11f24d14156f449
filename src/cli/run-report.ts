import { durationText } from '../core/duration-text.ts';
import { grouped } from '../core/grouped.ts';
import type { RunReport } from '../operators/run-state.ts';
import { type RunSummary, type StageSummary, summarise } from '../orchestrator/worker/run-summary.ts';
import { formatInterval } from '../pipeline/interval.ts';
import { type CliContext, line } from './context.ts';
import { jsonText } from './output.ts';
import { renderTable } from './table.ts';
import { valueText } from './values.ts';

/** A run of this process, with all that the store's summary cuts off. */
export function wholeSummary(report: RunReport): RunSummary {
  const stages = summarise(report).stages.map((stage, i) => ({ ...stage, goneNames: report.stages[i]!.gone }));
  return { ...report, stages };
}

/** How a run ended, for people. */
export async function printRunReport(context: CliContext, report: RunSummary): Promise<void> {
  const c = context.outColors;
  const { out } = context;
  const took = durationText(report.durationMs);
  const what = `${report.pipeline} (${formatInterval(report.interval)})`;
  switch (report.outcome) {
    case 'published':
      await line(out, `${c.green('✓')} Published ${what} as number ${report.epoch} in ${took}`);
      break;
    case 'nothing-new':
      await line(out, `${c.green('✓')} Nothing new for ${what}: the star is as it was (${took})`);
      break;
    case 'dry-run':
      await line(out, `${c.cyan('○')} Dry run of ${what}: nothing was published (${took})`);
      break;
    case 'partial':
      await line(out, `${c.cyan('○')} Some tasks of ${what}: computed and shown, nothing was published (${took})`);
      break;
  }
  if (report.outcome !== 'nothing-new') {
    await printObjects(context, report);
    await printDeltas(context, report);
  }
  await printChecks(context, report);
}

async function printObjects(context: CliContext, report: RunSummary): Promise<void> {
  if (report.stages.length === 0) return;
  const right = { align: 'right' } as const;
  const pruned = report.stages.some((s) => (s.pruned ?? 0) > 0);
  const lines = renderTable(
    [
      { title: 'staging' },
      { title: 'listed', ...right },
      { title: 'new', ...right },
      { title: 'replaced', ...right },
      { title: 'gone', ...right },
      ...(pruned ? [{ title: 'retracted', ...right }] : []),
      { title: 'read', ...right },
      { title: 'staged', ...right },
      { title: 'quarantined', ...right },
    ],
    report.stages.map((s) => [
      s.staging,
      ...[s.listed, s.incoming, replacedIn(s), s.gone].map(grouped),
      ...(pruned ? [grouped(s.pruned ?? 0)] : []),
      ...[s.read, s.staged, s.quarantined].map(grouped),
    ]),
    context.outColors,
  );
  await line(context.out, `\n${lines.join('\n')}`);
}

/** Versions that left V for another one. */
function replacedIn(s: StageSummary): number {
  return s.outgoing - (s.pruned ?? 0);
}

async function printDeltas(context: CliContext, report: RunSummary): Promise<void> {
  if (report.deltas.length === 0) return;
  const right = { align: 'right' } as const;
  const lines = renderTable(
    [{ title: 'table' }, { title: 'added', ...right }, { title: 'changed', ...right }, { title: 'removed', ...right }],
    report.deltas.map((d) => [d.table, grouped(d.added), grouped(d.changed), grouped(d.removed)]),
    context.outColors,
  );
  await line(context.out, `\n${lines.join('\n')}`);
}

async function printChecks(context: CliContext, report: RunSummary): Promise<void> {
  if (report.checks.length === 0) return;
  const c = context.outColors;
  const bad = report.checks.filter((r) => r.verdict !== 'passed');
  const passed = report.checks.length - bad.length;
  await line(context.out, `\n${grouped(passed)} of ${grouped(report.checks.length)} checks passed`);
  for (const r of bad) {
    const mark = r.severity === 'error' ? c.red('✗') : c.yellow('!');
    await line(context.out, `${mark} ${r.name}: expected ${r.expected}, found ${r.actual}`);
    for (const sample of r.samples.slice(0, 3)) await line(context.out, c.dim(`    ${jsonText(sample)}`));
  }
}

/** How a run ended, for programs. */
export function runReportJson(report: RunSummary): unknown {
  const instant = (ms: number) => valueText(new Date(ms), { name: '', type: 'timestamp' });
  return {
    pipeline: report.pipeline,
    interval: { start: instant(report.interval.startMs), end: instant(report.interval.endMs) },
    outcome: report.outcome,
    batch: report.batchId ?? null,
    publishes: report.epoch,
    stages: report.stages.map((s) => ({
      staging: s.staging,
      listed: s.listed,
      new: s.incoming,
      replaced: replacedIn(s),
      gone: s.goneNames,
      retracted: s.pruned ?? 0,
      read: s.read,
      staged: s.staged,
      quarantined: s.quarantined,
    })),
    tables: report.deltas.map(({ table, added, changed, removed }) => ({ table, added, changed, removed })),
    checks: report.checks,
    warnings: report.warnings,
    durationMs: Math.round(report.durationMs),
  };
}

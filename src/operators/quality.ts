import { SparkifyError } from '../core/errors.ts';
import { updateBatch } from '../ledger/batches.ts';
import { type CheckResult, recordChecks, settleChecks } from '../ledger/checks.ts';
import { ledgerTransaction } from '../ledger/transaction.ts';
import { auditBatch } from '../quality/audit.ts';
import { overQuarantined } from '../quality/quarantine-share.ts';
import { batchOf, changesOf } from './batch.ts';
import type { RunState } from './run-state.ts';
import { tellConflicts, tellFailed } from './tell-findings.ts';

/**
 * Audits the batch: every check of the pipeline against the star as it would be. Verdicts enter the history whether or
 * not the run goes on; they are first written as `interrupted`, which is what stays if the process dies in between.
 * @throws CHECKS_FAILED, QUARANTINE_SHARE
 */
export async function auditRun(state: RunState): Promise<string> {
  const batch = await batchOf(state);
  if (batch === 'nothing-new') return 'nothing new: the last verdicts stand';
  const { options } = state;
  const { pipeline, warehouse, clock } = options;
  const begun: readonly CheckResult[] = pipeline.checks.map((c) => ({
    name: c.name,
    table: 'table' in c ? c.table : null,
    severity: c.severity,
    verdict: 'interrupted',
    expected: '',
    actual: '',
    samples: [],
  }));
  options.failpoints.hit('audit.before');
  const ids = await ledgerTransaction(warehouse, (tx) =>
    recordChecks(tx, pipeline.name, batch.id, begun, clock.nowMs()),
  );
  state.checks = await auditBatch(batch.context, [...state.deltas.values()], pipeline.checks, {
    nowMs: clock.nowMs(),
    changes: await changesOf(batch),
  });
  const failed = state.checks.filter((c) => c.verdict !== 'passed');
  const blocking = failed.filter((c) => c.severity === 'error');
  await ledgerTransaction(warehouse, async (tx) => {
    await settleChecks(tx, ids, pipeline.name, batch.id, state.checks, clock.nowMs());
    if (blocking.length === 0) await updateBatch(tx, batch.id, { state: 'audited' });
  });
  options.failpoints.hit('audit.after');
  await tellConflicts(state, batch);
  for (const c of failed) tellFailed(state, c);
  const over = await warehouse.read((session) => overQuarantined(batch.context, session));
  if (over.length > 0) {
    const share = Math.min(...pipeline.stagings.map((s) => s.maxQuarantineShare));
    throw new SparkifyError('QUARANTINE_SHARE', {
      objects: over.map((o) => `${o.uri} (${o.quarantined} of ${o.read})`),
      share,
    });
  }
  if (blocking.length > 0)
    throw new SparkifyError('CHECKS_FAILED', {
      failed: blocking.map((c) => `${c.name} (expected ${c.expected}, found ${c.actual})`),
    });
  return `${state.checks.length - failed.length} of ${state.checks.length} checks passed${failed.length > 0 ? `, ${failed.length} warned` : ''}`;
}

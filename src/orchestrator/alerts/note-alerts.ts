import type { Selectable } from 'kysely';
import { describeEvent } from '../events/describe-event.ts';
import { eventsAfter, lastEventSeq } from '../events/read-events.ts';
import type { StoredEvent } from '../events/stored-event.ts';
import type { Redact } from '../logs/redact.ts';
import type { RunRequest } from '../model/run-request.ts';
import type { Store, StoreTransaction } from '../store/store.ts';
import type { RunRow } from '../store/tables.ts';
import { type AlertKind, type AlertTarget, targetName } from './targets.ts';

type EndedRun = Extract<StoredEvent, { type: 'run.failed' | 'run.late' | 'run.succeeded' }>;

const CURSOR = 'alerts';
const TYPES = ['run.failed', 'run.late', 'run.succeeded'] as const;
const PAGE = 500;

/** Events that concern nobody are passed over without a write until there are so many of them. */
const IDLE_SPAN = 5000;

/**
 * Reads the events that came since the last time and notes what webhooks are to be called for, in one transaction with how
 * far it came: whatever is interrupted or done by two at once, each failure is noted once. Runs that publish nothing in
 * any case (dry runs, selections of tasks) alarm nobody.
 */
export async function noteAlerts(store: Store, targets: readonly AlertTarget[], redact: Redact): Promise<void> {
  for (;;) {
    const known = await cursorOf(store);
    const last = await lastEventSeq(store);
    if (known !== undefined && known >= last) return;
    if (known !== undefined && last - known < IDLE_SPAN) {
      const [first] = await eventsAfter(store, known, { limit: 1, filters: { types: TYPES } });
      if (first === undefined) return;
    }
    if (!(await store.write((tx) => notePage(tx, targets, redact)))) return;
  }
}

/** Whether there may be more. */
async function notePage(tx: StoreTransaction, targets: readonly AlertTarget[], redact: Redact): Promise<boolean> {
  const last = await lastEventSeq(tx);
  // What happened before anybody looked is history, not news.
  await tx.db
    .insertInto('cursors')
    .values({ name: CURSOR, seq: last })
    .onConflict((c) => c.column('name').doNothing())
    .execute();
  // An update that changes nothing: on PostgreSQL it makes a second reader wait for this one.
  const { seq } = await tx.db
    .updateTable('cursors')
    .set((eb) => ({ seq: eb.ref('seq') }))
    .where('name', '=', CURSOR)
    .returning('seq')
    .executeTakeFirstOrThrow();
  const events = (await eventsAfter(tx, seq, { limit: PAGE, filters: { types: TYPES } })).filter((e) => e.seq <= last);
  for (const event of events) await noteEvent(tx, event as EndedRun, targets, redact);
  const full = events.length === PAGE;
  const to = full ? events.at(-1)!.seq : Math.max(seq, last);
  if (to > seq) await tx.db.updateTable('cursors').set({ seq: to }).where('name', '=', CURSOR).execute();
  return full;
}

async function noteEvent(
  tx: StoreTransaction,
  event: EndedRun,
  targets: readonly AlertTarget[],
  redact: Redact,
): Promise<void> {
  const run = await tx.db.selectFrom('runs').selectAll().where('id', '=', event.runId).executeTakeFirst();
  if (run === undefined) return;
  const { dryRun, only } = JSON.parse(run.request_json) as RunRequest;
  if (dryRun === true || only !== undefined) return;
  const alarm = `alarm:${event.pipeline}`;
  if (event.type !== 'run.succeeded') {
    await tx.db
      .insertInto('cursors')
      .values({ name: alarm, seq: event.seq })
      .onConflict((c) => c.column('name').doNothing())
      .execute();
    await deliver(tx, { event, run, kind: event.type === 'run.late' ? 'late' : 'failed', targets, redact });
    return;
  }
  const { numDeletedRows } = await tx.db.deleteFrom('cursors').where('name', '=', alarm).executeTakeFirstOrThrow();
  if (numDeletedRows === 0n) return;
  tx.emit({ type: 'pipeline.recovered', pipeline: event.pipeline, runId: event.runId });
  await deliver(tx, { event, run, kind: 'recovered', targets, redact });
}

interface Alert {
  readonly event: EndedRun;
  readonly run: Selectable<RunRow>;
  readonly kind: AlertKind;
  readonly targets: readonly AlertTarget[];
  readonly redact: Redact;
}

async function deliver(tx: StoreTransaction, { event, run, kind, targets, redact }: Alert): Promise<void> {
  const wanted = targets.filter((t) => t.on === undefined || t.on.includes(kind));
  if (wanted.length === 0) return;
  const failed = kind === 'recovered' ? undefined : await firstFailure(tx, run.id);
  const text =
    kind === 'recovered'
      ? describeEvent({ type: 'pipeline.recovered', pipeline: event.pipeline, runId: event.runId })
      : describeEvent(event);
  const { error } = event as { readonly error?: { readonly code: string; readonly message: string } };
  const body = {
    type: kind === 'recovered' ? 'pipeline.recovered' : event.type,
    at: new Date(event.at).toISOString(),
    text: redact(text),
    pipeline: event.pipeline,
    run: {
      id: run.id,
      kind: run.kind,
      start: new Date(run.start_ms).toISOString(),
      end: new Date(run.end_ms).toISOString(),
      state: run.state,
    },
    ...(failed === undefined ? {} : { task: failed }),
    ...(error === undefined ? {} : { error: { code: error.code, message: redact(error.message) } }),
    commands:
      kind === 'recovered'
        ? { show: `sparkify runs show ${run.id}` }
        : { logs: `sparkify logs ${run.id}`, retry: `sparkify runs retry ${run.id}` },
  };
  for (const target of new Set(wanted.map((t) => targetName(t.webhook)))) {
    const key = `${kind}:${run.id}:${event.seq}:${target.split('#')[1]}`;
    await tx.db
      .insertInto('deliveries')
      .values({
        key,
        target,
        body_json: JSON.stringify({ id: key, ...body }),
        state: 'pending',
        tries: 0,
        next_at_ms: tx.nowMs,
        created_at_ms: tx.nowMs,
        sent_at_ms: null,
        error: null,
      })
      .onConflict((c) => c.column('key').doNothing())
      .execute();
  }
}

/** The task that failed first: the others mostly follow from it. */
async function firstFailure(tx: StoreTransaction, runId: number): Promise<string | undefined> {
  const row = await tx.db
    .selectFrom('tasks')
    .select(['task', 'map_index'])
    .where('run_id', '=', runId)
    .where('state', '=', 'failed')
    .orderBy('finished_at_ms')
    .orderBy('id')
    .limit(1)
    .executeTakeFirst();
  if (row === undefined) return undefined;
  return row.map_index < 0 ? row.task : `${row.task}[${row.map_index}]`;
}

async function cursorOf(store: Store): Promise<number | undefined> {
  const row = await store.db.selectFrom('cursors').select('seq').where('name', '=', CURSOR).executeTakeFirst();
  return row?.seq;
}

import { createHash } from 'node:crypto';
import { SparkifyError } from '../core/errors.ts';
import type { Store, StoreTransaction } from '../orchestrator/store/store.ts';
import type { Principal } from './frame/login.ts';
import type { OperationId } from './operations.ts';
import { within } from './within.ts';

/** One change that somebody asks for. */
export interface Change {
  readonly operation: OperationId;
  readonly call: {
    readonly params: unknown;
    readonly query: unknown;
    readonly body: unknown;
    readonly by: Pick<Principal, 'name'>;
  };
  /** What the caller gave it for a name, so that it may be asked for again without being done again. */
  readonly idempotencyKey: string | undefined;
  readonly work: (store: Store) => Promise<unknown>;
}

/** A dry run of a pipeline is a run, which is really made. */
const DRY_RUN_IS_THE_WORK: ReadonlySet<OperationId> = new Set(['triggerRun']);

/** Carries the answer of a dry run out of the transaction that is taken back. */
class TakenBack extends Error {
  readonly answer: unknown;

  constructor(answer: unknown) {
    super('a dry run is taken back');
    this.answer = answer;
  }
}

/**
 * Makes a change and keeps its answer under its key, in one transaction: the same request with the same key gets the same
 * answer again, whatever happened in between. A dry run does everything and takes it back.
 * @throws IDEMPOTENCY_KEY_REUSED, and whatever the work throws, which is kept under no key
 */
export async function performChange(
  store: Store,
  change: Change,
): Promise<{ readonly answer: unknown; readonly repeated: boolean }> {
  const { operation, call, work, idempotencyKey } = change;
  const dryRun = (call.body as { readonly dryRun?: boolean }).dryRun === true && !DRY_RUN_IS_THE_WORK.has(operation);
  try {
    return await store.write(async (tx) => {
      const inner = within(store, tx);
      if (dryRun) throw new TakenBack(await work(inner));
      if (idempotencyKey === undefined) return { answer: await work(inner), repeated: false };
      // A key is one key of one asker.
      const key = `${call.by.name}:${idempotencyKey}`;
      const kept = await claimKey(tx, key, change, idempotencyKey);
      if (kept !== undefined) return { answer: kept.answer, repeated: true };
      const answer = await work(inner);
      await tx.db
        .updateTable('idempotency')
        .set({ body_json: JSON.stringify(keptOf(operation, answer)) })
        .where('key', '=', key)
        .execute();
      return { answer, repeated: false };
    });
  } catch (error) {
    if (error instanceof TakenBack) return { answer: error.answer, repeated: false };
    throw error;
  }
}

/** Takes the key, or gives what was answered under it. A second request of the same moment waits for the first here. */
async function claimKey(
  tx: StoreTransaction,
  key: string,
  { operation, call }: Change,
  shownKey: string,
): Promise<{ readonly answer: unknown } | undefined> {
  const text = JSON.stringify([operation, call.params, call.query, call.body]);
  const request = createHash('sha256').update(text).digest('hex');
  const { numInsertedOrUpdatedRows } = await tx.db
    .insertInto('idempotency')
    .values({ key, request, status: 200, body_json: 'null', created_at_ms: tx.nowMs })
    .onConflict((c) => c.column('key').doNothing())
    .executeTakeFirstOrThrow();
  if (numInsertedOrUpdatedRows !== 0n) return undefined;
  const row = await tx.db.selectFrom('idempotency').selectAll().where('key', '=', key).executeTakeFirstOrThrow();
  if (row.request !== request) throw new SparkifyError('IDEMPOTENCY_KEY_REUSED', { key: shownKey });
  return { answer: JSON.parse(row.body_json) as unknown };
}

/** A token's text is told once, and not to whoever repeats the request. */
function keptOf(operation: OperationId, answer: unknown): unknown {
  return operation === 'createToken' ? { ...(answer as object), text: null } : answer;
}

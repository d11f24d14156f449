import type { Clock } from '../../core/clock.ts';
import { SparkifyError } from '../../core/errors.ts';
import type { Store } from '../../orchestrator/store/store.ts';
import type { Scope } from '../operations.ts';
import { sameHash, tokenHash } from '../tokens/token-text.ts';
import { verifyToken } from '../tokens/tokens.ts';
import type { FailureLimit } from './failure-limit.ts';

/** Who asks. */
export interface Principal {
  /** As it stands in `requested_by` and `marked_by`. */
  readonly name: string;
  readonly scopes: readonly Scope[];
  /** The token they came with, unless it is the local one. */
  readonly token?: string;
}

export interface LoginOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly limit: FailureLimit;
  /** Whether nobody is let in without a token. */
  readonly required: boolean;
  /** Hash of the token in `.sparkify/up.json`, which only this user can read. */
  readonly localTokenHash: string | undefined;
}

const localUser: Principal = { name: 'local', scopes: ['admin'] };

/**
 * Who a request comes from; undefined for nobody, where one is asked. A token that is sent is looked at in any case.
 * @throws TOKEN_REFUSED, TOO_MANY_FAILURES
 */
export async function whoAsks(
  options: LoginOptions,
  request: { readonly authorization: string | undefined; readonly address: string },
): Promise<Principal | undefined> {
  const { store, clock, limit } = options;
  if (request.authorization === undefined) return options.required ? undefined : localUser;
  const token = /^Bearer +(\S+)$/iu.exec(request.authorization)?.[1] ?? '';
  limit.admit(request.address, token);
  if (options.localTokenHash !== undefined && sameHash(tokenHash(token), options.localTokenHash)) return localUser;
  const found = await verifyToken(store, token, clock.nowMs());
  if (found === undefined) {
    limit.wrong(request.address);
    throw new SparkifyError('TOKEN_REFUSED', {});
  }
  limit.right(token);
  return { name: found.name, scopes: found.scopes, token: found.id };
}

/** Whether the token that somebody came with is still in force. */
export async function stillAllowed({ store }: LoginOptions, { token }: Principal): Promise<boolean> {
  if (token === undefined) return true;
  const row = await store.db.selectFrom('tokens').select('revoked_at_ms').where('id', '=', token).executeTakeFirst();
  return row?.revoked_at_ms === null;
}

import { z } from 'zod';
import { SparkifyError } from '../../core/errors.ts';
import type { Store } from '../../orchestrator/store/store.ts';
import type { TokenRow } from '../../orchestrator/store/tables.ts';
import { type Scope, scopes } from '../operations.ts';
import { freshToken, type RandomBytes, sameHash, tokenHash, tokenId } from './token-text.ts';

export interface Token {
  readonly id: string;
  readonly name: string;
  readonly scopes: readonly Scope[];
  readonly createdAtMs: number;
  readonly lastUsedAtMs: number | null;
  readonly revokedAtMs: number | null;
}

/** Its last use is noted at most so often: a page that reads every second shall not write every second. */
const NOTE_USE_MS = 60_000;

/** Makes a token and gives its text, which is kept nowhere. */
export async function createToken(
  store: Store,
  token: { readonly name: string; readonly scopes: readonly Scope[] },
  random: RandomBytes,
): Promise<Token & { readonly text: string }> {
  const fresh = freshToken(random);
  const ordered = scopes.filter((s) => token.scopes.includes(s));
  return store.write(async ({ db, nowMs }) => {
    const row: TokenRow = {
      id: fresh.id,
      name: token.name,
      hash: fresh.hash,
      scopes_json: JSON.stringify(ordered),
      created_at_ms: nowMs,
      last_used_at_ms: null,
      revoked_at_ms: null,
    };
    await db.insertInto('tokens').values(row).execute();
    return { ...tokenOf(row), text: fresh.text };
  });
}

/** Every token, newest first, the revoked ones too. */
export async function listTokens(store: Store): Promise<readonly Token[]> {
  const rows = await store.db.selectFrom('tokens').selectAll().orderBy('created_at_ms', 'desc').orderBy('id').execute();
  return rows.map(tokenOf);
}

/** Ends a token from this moment on; one that is revoked stays as it is. @throws TOKEN_UNKNOWN */
export async function revokeToken(store: Store, id: string): Promise<Token> {
  return store.write(async ({ db, nowMs }) => {
    await db
      .updateTable('tokens')
      .set({ revoked_at_ms: nowMs })
      .where('id', '=', id)
      .where('revoked_at_ms', 'is', null)
      .execute();
    const row = await db.selectFrom('tokens').selectAll().where('id', '=', id).executeTakeFirst();
    if (row === undefined) throw new SparkifyError('TOKEN_UNKNOWN', { id });
    return tokenOf(row);
  });
}

/** The token of a text, if it is in force; notes that it was used. */
export async function verifyToken(store: Store, text: string, nowMs: number): Promise<Token | undefined> {
  const id = tokenId(text);
  if (id === undefined) return undefined;
  const row = await store.db.selectFrom('tokens').selectAll().where('id', '=', id).executeTakeFirst();
  // Compared in any case, so that an unknown id takes as long as a known one.
  const same = sameHash(row?.hash ?? tokenHash(''), tokenHash(text));
  if (row === undefined || !same || row.revoked_at_ms !== null) return undefined;
  if (nowMs - (row.last_used_at_ms ?? 0) >= NOTE_USE_MS)
    await store.write(({ db }) =>
      db.updateTable('tokens').set({ last_used_at_ms: nowMs }).where('id', '=', id).execute(),
    );
  return tokenOf(row);
}

/** Whether anybody could come in by a token. */
export async function hasTokens(store: Store): Promise<boolean> {
  const row = await store.db
    .selectFrom('tokens')
    .select('id')
    .where('revoked_at_ms', 'is', null)
    .limit(1)
    .executeTakeFirst();
  return row !== undefined;
}

const scopeList = z.array(z.enum(scopes));

function tokenOf(row: TokenRow): Token {
  return {
    id: row.id,
    name: row.name,
    scopes: scopeList.parse(JSON.parse(row.scopes_json)),
    createdAtMs: row.created_at_ms,
    lastUsedAtMs: row.last_used_at_ms,
    revokedAtMs: row.revoked_at_ms,
  };
}

import type { Answer } from '../../server/api.ts';
import type { Scope } from '../../server/operations.ts';
import { type CliContext, line } from '../context.ts';
import { type ControlFlags, withControl } from '../control.ts';
import { jsonText, writeJsonArray } from '../output.ts';
import { renderTable } from '../table.ts';
import { distanceText } from '../time-text.ts';

interface TokenFlags extends ControlFlags {
  readonly json?: boolean;
}

/** `sparkify token create`: its text is written once, alone on stdout. */
export async function createToken(
  context: CliContext,
  flags: TokenFlags & { readonly scope: Scope },
  name: string,
): Promise<number> {
  return withControl(context, { ...flags, keeps: true }, async ({ api }) => {
    const made = await api.call('createToken', { body: { name, scopes: [flags.scope] } });
    if (flags.json === true) await line(context.out, jsonText(made, 2));
    else {
      await line(context.out, made.text ?? '');
      await line(context.err, `Token ${made.id} (${flags.scope}). It is kept nowhere: note it now.`);
    }
    return 0;
  });
}

/** `sparkify token list`: without their secrets. */
export async function listTokens(context: CliContext, flags: TokenFlags): Promise<number> {
  return withControl(context, flags, async ({ api, nowMs }) => {
    const { items } = await api.call('listTokens');
    if (flags.json === true) await writeJsonArray(context.out, items);
    else await print(context, items, nowMs());
    return 0;
  });
}

/** `sparkify token revoke`: from now on it opens nothing. */
export async function revokeToken(context: CliContext, flags: TokenFlags, id: string): Promise<number> {
  return withControl(context, flags, async ({ api }) => {
    const token = await api.call('revokeToken', { params: { token: id }, body: {} });
    if (flags.json === true) await line(context.out, jsonText(token, 2));
    else await line(context.out, `Token ${token.id} (${token.name}) is revoked.`);
    return 0;
  });
}

async function print(context: CliContext, tokens: Answer<'listTokens'>['items'], nowMs: number): Promise<void> {
  const c = context.outColors;
  if (tokens.length === 0) return line(context.out, c.dim('no tokens; sparkify token create NAME makes one'));
  const lines = renderTable(
    [
      { title: 'token' },
      { title: 'name' },
      { title: 'scope' },
      { title: 'made' },
      { title: 'last used' },
      { title: 'state' },
    ],
    tokens.map((t) => [
      t.id,
      t.name,
      t.scopes.join(', '),
      distanceText(t.createdAtMs, nowMs),
      t.lastUsedAtMs === null ? 'never' : distanceText(t.lastUsedAtMs, nowMs),
      t.revokedAtMs === null ? 'valid' : 'revoked',
    ]),
    c,
  );
  await line(context.out, lines.join('\n'));
}

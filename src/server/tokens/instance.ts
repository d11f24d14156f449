import { tokenHash } from './token-text.ts';

/** What a server shows of its local token, so that its own clients know it again and nobody else learns the token. */
export function instanceOf(localToken: string): string {
  return tokenHash(`instance ${localToken}`).slice(0, 16);
}

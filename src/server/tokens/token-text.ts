import { createHash, timingSafeEqual } from 'node:crypto';

/** `spk_`, its id, its secret of 256 bits: recognisable where it leaks, and found by its id alone. */
const FORM = /^spk_([0-9a-f]{12})_([A-Za-z0-9_-]{43})$/u;

/** Random bytes; given by whoever starts the server. */
export type RandomBytes = (size: number) => Buffer;

export interface FreshToken {
  readonly id: string;
  /** To be shown once. */
  readonly text: string;
  /** What is kept of it. */
  readonly hash: string;
}

export function freshToken(random: RandomBytes): FreshToken {
  const id = random(6).toString('hex');
  const text = `spk_${id}_${random(32).toString('base64url')}`;
  return { id, text, hash: tokenHash(text) };
}

/** The id in a token's text; undefined when it is no token of ours. */
export function tokenId(text: string): string | undefined {
  return FORM.exec(text)?.[1];
}

/** SHA-256 in hex. A token has 256 random bits, so nothing slower is needed. */
export function tokenHash(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

/** Takes the same time wherever the two differ. */
export function sameHash(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && timingSafeEqual(left, right);
}

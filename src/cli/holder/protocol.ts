import { randomBytes } from 'node:crypto';
import { realpathSync } from 'node:fs';
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { deserialize, serialize } from 'node:v8';
import { z } from 'zod';
import { type ErrorCode, errorCatalogue } from '../../core/error-catalogue.ts';
import { SparkifyError, toSparkifyError } from '../../core/errors.ts';
import type { SqlValue } from '../../warehouse/session.ts';

/*
 * How a process that reads an embedded warehouse talks to the one that holds it for writing. One connection is one
 * read-only snapshot; a request is answered before the next is sent. A message is its length in four bytes (big-endian)
 * and a value in V8's structured format, which keeps dates, 64-bit integers and bytes.
 */

/** Grows with every change of the messages: versions of the package that differ in it do not talk. */
export const PROTOCOL = 1;

const holderFileSchema = z.object({
  protocol: z.number(),
  pid: z.number().int().positive(),
  startedAt: z.string(),
  socket: z.string(),
});

/** Who holds the file, and where it listens. Lies beside the warehouse while it is held. */
export type HolderFile = z.infer<typeof holderFileSchema>;

const sql = z.object({ sql: z.string(), params: z.array(z.custom<SqlValue>()) });

export const requestSchema = z.discriminatedUnion('op', [
  /** The first of a connection: the snapshot begins. */
  z.object({ op: z.literal('begin'), protocol: z.literal(PROTOCOL), path: z.string() }),
  sql.extend({ op: z.literal('exec') }),
  sql.extend({ op: z.literal('all') }),
  /** A streamed result; its batches are fetched one by one. */
  sql.extend({ op: z.literal('open') }),
  z.object({ op: z.literal('next') }),
]);

export type Request = z.infer<typeof requestSchema>;

export interface SentError {
  readonly code: string;
  readonly params: unknown;
  readonly cause: string | undefined;
}

export type Reply = { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly error: SentError };

/** Answer to `begin`. */
export interface Begun {
  readonly segmentsDirectory: string;
}

/** Sends one message; resolves when the next may follow. Rejects when the other side is gone. */
export function send(socket: Socket, message: unknown): Promise<void> {
  const body = serialize(message);
  const head = Buffer.alloc(4);
  head.writeUInt32BE(body.length);
  return new Promise((resolve, reject) => {
    socket.cork();
    socket.write(head);
    socket.write(body, (error) => (error == null ? resolve() : reject(error)));
    socket.uncork();
  });
}

/** The messages of the other side, until it closes. */
export async function* messages(socket: Socket): AsyncGenerator<unknown, void, undefined> {
  let parts: Buffer[] = [];
  let sizeBytes = 0;
  let wantedBytes = 4;
  for await (const chunk of socket as AsyncIterable<Buffer>) {
    parts.push(chunk);
    sizeBytes += chunk.length;
    if (sizeBytes < wantedBytes) continue;
    let all = Buffer.concat(parts);
    while (all.length >= 4 && all.length >= 4 + all.readUInt32BE(0)) {
      const end = 4 + all.readUInt32BE(0);
      yield deserialize(all.subarray(4, end));
      all = all.subarray(end);
    }
    parts = [all];
    sizeBytes = all.length;
    wantedBytes = all.length < 4 ? 4 : 4 + all.readUInt32BE(0);
  }
}

export function sentError(error: unknown): SentError {
  const known = toSparkifyError(error);
  return {
    code: known.code,
    params: known.params,
    cause: known.cause instanceof Error ? known.cause.message : undefined,
  };
}

export function receivedError({ code, params, cause }: SentError): SparkifyError {
  const known = Object.hasOwn(errorCatalogue, code) ? (code as ErrorCode) : 'INTERNAL';
  return new SparkifyError(known, params as never, cause === undefined ? {} : { cause: new Error(cause) });
}

/** One name for a file, whatever links lead to it. */
export function truePath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}

export function holderFilePath(warehousePath: string): string {
  return `${truePath(warehousePath)}.holder.json`;
}

/** undefined when there is none, or none that can be understood. */
export async function readHolderFile(file: string): Promise<HolderFile | undefined> {
  try {
    return holderFileSchema.parse(JSON.parse(await readFile(file, 'utf8')));
  } catch {
    return undefined;
  }
}

/** Whole or not at all, and for this user alone. */
export async function writeHolderFile(file: string, holder: HolderFile): Promise<void> {
  const partial = `${file}.${randomBytes(6).toString('hex')}`;
  try {
    await writeFile(partial, `${JSON.stringify(holder)}\n`, { mode: 0o600, flag: 'wx' });
    await rename(partial, file);
  } catch (error) {
    await rm(partial, { force: true });
    throw error;
  }
}

import type { Client } from 'pg';
import { from } from 'pg-copy-streams';

/** Options of a COPY FROM STDIN: the classic text format, or CSV as DuckDB writes it. */
export type CopyFormat = 'text' | 'csv';

/**
 * Sends chunks of any sizes to `copy TABLE from stdin` on a client; the number of rows the server took. A failure of
 * the chunks' producer cancels the COPY and is thrown as it is; one of the server or the connection likewise.
 */
export async function copyIn(
  client: Client,
  target: string,
  format: CopyFormat,
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): Promise<number> {
  const stream = client.query(from(`copy ${target} from stdin (format ${format})`));
  let failure: unknown;
  let fail: (error: unknown) => void = () => {};
  const failed = new Promise<never>((_resolve, reject) => {
    fail = (error) => {
      failure ??= error;
      reject(error);
    };
  });
  failed.catch(() => undefined);
  stream.on('error', fail);
  try {
    for await (const chunk of chunks) {
      // The stream lets go of its connection when it fails; writing on would crash it.
      if (failure !== undefined) throw failure;
      await Promise.race([new Promise<void>((resolve) => stream.write(chunk, () => resolve())), failed]);
    }
    if (failure !== undefined) throw failure;
    await Promise.race([new Promise<void>((resolve) => stream.end(resolve)), failed]);
    return stream.rowCount;
  } catch (error) {
    if (failure === undefined) {
      // Tells the server to forget the COPY, and waits until it says so, or until the connection is gone.
      await new Promise<void>((resolve) => {
        stream.once('close', resolve);
        client.once('end', resolve);
        stream.destroy(error instanceof Error ? error : new Error(String(error)));
      });
    }
    throw error;
  }
}

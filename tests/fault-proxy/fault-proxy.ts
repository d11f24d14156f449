import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/**
 * What happens to a connection when a client's bytes contain `word`:
 * `cut-before`: both ends are reset, and the word never reaches the server;
 * `cut-after`: the word is forwarded, and the connection is reset once the server answers; the client never sees that answer;
 * `cut-late`: the client is reset at once, and the server gets the word only when another client says `until`;
 * `stall`: the word is forwarded and from then on nothing comes back, though the connection stays open.
 */
export type FaultKind = 'cut-before' | 'cut-after' | 'cut-late' | 'stall';

export interface Fault {
  readonly kind: FaultKind;
  readonly word: string;
  /** Only the n-th occurrence (counted over all connections) triggers it. @default 1 */
  readonly occurrence?: number;
  /** Of `cut-late`. */
  readonly until?: string;
  /** From then on nobody is let in, until the next `arm`, and whoever is in besides is reset. @default false */
  readonly thenRefuse?: boolean;
}

export interface FaultProxy {
  readonly port: number;
  /** The URL with its host and port replaced by the proxy's. */
  through(url: string): string;
  /** Replaces the armed fault; undefined lets everything pass. */
  arm(fault: Fault | undefined): void;
  /** Every chunk of the server waits this long. */
  delay(ms: number): void;
  /** Resets all connections now. */
  cutAll(): void;
  /** How many faults have fired. */
  readonly fired: number;
  close(): Promise<void>;
}

/** A TCP proxy on 127.0.0.1 that injects faults. */
export async function startFaultProxy(target: { readonly host: string; readonly port: number }): Promise<FaultProxy> {
  const sockets = new Set<Socket>();
  const state = { fault: undefined as Fault | undefined, seen: 0, fired: 0, refuses: false, delayMs: 0 };
  let held: { readonly until: string; readonly release: () => void } | undefined;

  const server = createServer((client) => {
    if (state.refuses) {
      client.on('error', () => {});
      client.resetAndDestroy();
      return;
    }
    const upstream = connect(target.port, target.host);
    const both = [client, upstream];
    let mode: 'pass' | 'cut-on-answer' | 'stalled' = 'pass';
    // The end of what came before, so that a word is found across chunks.
    let tail = '';
    const cut = (): void => {
      for (const socket of both) socket.resetAndDestroy();
    };
    for (const socket of both) {
      sockets.add(socket);
      socket.setNoDelay(true);
      socket.on('error', () => {});
      socket.on('close', () => {
        sockets.delete(socket);
        if (mode !== 'stalled') for (const other of both) other.destroy();
      });
    }
    client.on('data', (chunk: Buffer) => {
      const { fault } = state;
      if (held !== undefined && chunk.includes(held.until)) {
        held.release();
        held = undefined;
      }
      if (fault !== undefined && mode === 'pass') {
        const text = tail + chunk.toString('latin1');
        const hit = text.toLowerCase().includes(fault.word.toLowerCase());
        tail = hit ? '' : text.slice(-(fault.word.length - 1) || text.length);
        if (hit && ++state.seen === (fault.occurrence ?? 1)) {
          state.fired++;
          state.fault = undefined;
          state.refuses = fault.thenRefuse === true;
          if (state.refuses) for (const socket of sockets) if (!both.includes(socket)) socket.resetAndDestroy();
          if (fault.kind === 'cut-before') return cut();
          if (fault.kind === 'cut-late') {
            mode = 'stalled';
            held = { until: fault.until ?? '', release: () => upstream.end(chunk) };
            client.resetAndDestroy();
            return;
          }
          mode = fault.kind === 'cut-after' ? 'cut-on-answer' : 'stalled';
        }
      }
      upstream.write(chunk);
    });
    upstream.on('data', (chunk: Buffer) => {
      if (mode === 'cut-on-answer') return cut();
      if (mode === 'stalled') return;
      if (state.delayMs === 0) client.write(chunk);
      else setTimeout(() => client.write(chunk), state.delayMs);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;

  return {
    port,
    through: (url) => {
      const changed = new URL(url);
      changed.hostname = '127.0.0.1';
      changed.port = String(port);
      return changed.href;
    },
    arm: (fault) => {
      state.fault = fault;
      state.seen = 0;
      state.refuses = false;
    },
    delay: (ms) => {
      state.delayMs = ms;
    },
    cutAll: () => {
      for (const socket of sockets) socket.resetAndDestroy();
    },
    get fired() {
      return state.fired;
    },
    close: async () => {
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

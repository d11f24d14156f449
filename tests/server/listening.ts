import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterEach } from 'vitest';
import { type Listening, type ListenOptions, listen } from '../../src/server/listen.ts';
import type { World } from './world.ts';

const open: Listening[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((l) => l.close({ graceMs: 0 })));
});

/** The parts of a world behind a real port; closed after the test. */
export async function listenTo(world: World, options: Partial<ListenOptions> = {}): Promise<Listening> {
  const listening = await listen(world.parts, {
    port: 0,
    report: (error) => world.unforeseen.push(error),
    ...options,
  });
  open.push(listening);
  return listening;
}

/** A connection on which a test says byte by byte what it sends. */
export class RawClient {
  readonly socket: Socket;
  #received = '';

  constructor(port: number) {
    this.socket = connect(port, '127.0.0.1');
    this.socket.setEncoding('latin1');
    this.socket.on('data', (text: string) => {
      this.#received += text;
    });
    this.socket.on('error', () => {});
  }

  send(text: string): this {
    this.socket.write(text);
    return this;
  }

  get received(): string {
    return this.#received;
  }

  /** Everything that came, once what is looked for is in it or the other side has ended. */
  async until(pattern: RegExp): Promise<string> {
    while (!pattern.test(this.#received) && !this.socket.destroyed && !this.socket.readableEnded)
      await Promise.race([once(this.socket, 'data'), once(this.socket, 'close'), once(this.socket, 'end')]);
    return this.#received;
  }

  async closed(): Promise<string> {
    if (!this.socket.destroyed) await once(this.socket, 'close');
    return this.#received;
  }
}

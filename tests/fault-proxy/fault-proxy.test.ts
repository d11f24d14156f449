import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type FaultProxy, startFaultProxy } from './fault-proxy.ts';

let server: Server;
let received: string;
let proxy: FaultProxy;
const clients: Socket[] = [];

/** A server that answers every chunk with `ok:` and the chunk. */
beforeEach(async () => {
  received = '';
  server = createServer((socket) => {
    socket.on('error', () => {});
    socket.on('data', (chunk) => {
      received += chunk.toString();
      socket.write(`ok:${chunk}`);
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  proxy = await startFaultProxy({ host: '127.0.0.1', port: (server.address() as AddressInfo).port });
});

afterEach(async () => {
  for (const client of clients.splice(0)) client.destroy();
  await proxy.close();
  server.close();
});

async function dial(): Promise<Socket> {
  const client = connect(proxy.port, '127.0.0.1');
  clients.push(client);
  client.on('error', () => {});
  await once(client, 'connect');
  return client;
}

/** `once(socket, 'close')` would fail on the reset that comes first. */
function closed(client: Socket): Promise<unknown> {
  return new Promise((resolve) => client.once('close', resolve));
}

async function ask(client: Socket, text: string): Promise<string> {
  client.write(text);
  const [chunk] = (await once(client, 'data')) as [Buffer];
  return chunk.toString();
}

test('passes everything on while nothing is armed', async () => {
  const client = await dial();
  expect(await ask(client, 'commit')).toBe('ok:commit');
  expect(proxy.fired).toBe(0);
});

test('cut-before: the client is reset and the server never sees the word', async () => {
  proxy.arm({ kind: 'cut-before', word: 'COMMIT' });
  const client = await dial();
  expect(await ask(client, 'begin')).toBe('ok:begin');
  client.write('commit');
  await closed(client);
  expect(received).toBe('begin');
  expect(proxy.fired).toBe(1);
});

test('cut-after: the server has the word, the client no answer', async () => {
  proxy.arm({ kind: 'cut-after', word: 'commit' });
  const client = await dial();
  let answer = '';
  client.on('data', (chunk) => {
    answer += chunk;
  });
  client.write('commit');
  await closed(client);
  expect(received).toBe('commit');
  expect(answer).toBe('');
});

test('cut-late: the client is cut, and the word arrives when another client has spoken', async () => {
  proxy.arm({ kind: 'cut-late', word: 'commit', until: 'now' });
  const client = await dial();
  client.write('commit');
  await closed(client);
  const other = await dial();
  await ask(other, 'not yet');
  expect(received).toBe('not yet');
  await ask(other, 'now');
  expect(await ask(other, 'done')).toBe('ok:done');
  expect(received).toContain('commit');
});

test('thenRefuse: nobody is let in until the next arm', async () => {
  proxy.arm({ kind: 'cut-after', word: 'commit', thenRefuse: true });
  const client = await dial();
  client.write('commit');
  await closed(client);
  const refused = connect(proxy.port, '127.0.0.1');
  clients.push(refused);
  refused.on('error', () => {});
  await closed(refused);
  proxy.arm(undefined);
  expect(await ask(await dial(), 'x')).toBe('ok:x');
});

test('stall: the connection stays open and silent', async () => {
  proxy.arm({ kind: 'stall', word: 'commit' });
  const client = await dial();
  let answer = '';
  client.on('data', (chunk) => {
    answer += chunk;
  });
  client.write('commit');
  // Another connection's whole round trip gives the stalled one time to answer.
  expect(await ask(await dial(), 'other')).toBe('ok:other');
  expect(received).toContain('commit');
  expect(answer).toBe('');
  expect(client.destroyed).toBe(false);
});

test('finds a word that is spread over chunks, and counts occurrences', async () => {
  proxy.arm({ kind: 'cut-before', word: 'commit', occurrence: 2 });
  const client = await dial();
  expect(await ask(client, 'com')).toBe('ok:com');
  expect(await ask(client, 'mit')).toBe('ok:mit');
  expect(proxy.fired).toBe(0);
  client.write('commit');
  await closed(client);
  expect(received).toBe('commit');
});

test('cutAll resets every connection', async () => {
  const [a, b] = [await dial(), await dial()];
  await ask(a, 'x');
  await ask(b, 'y');
  const both = Promise.all([closed(a), closed(b)]);
  proxy.cutAll();
  await both;
});

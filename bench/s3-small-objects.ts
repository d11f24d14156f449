/**
 * Small objects fetched per CPU-second: `Source.fetch` against the AWS SDK's GetObject, both from the same stub of a
 * server in a process of its own. The goal is a ratio of at least 8.
 *
 *     npm run bench -- s3-small-objects [objects=20000] [rounds=5] [latencyMs=0]
 *
 * The SDK side is written fairly: one client, keep-alive, as many sockets and calls in flight as ours, checksums off,
 * each body read to its end. Ours does more: it checks lengths and ETags and writes pack files.
 */
import { fork } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { Agent, createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { GetObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { type ListedObject, openSource } from '../src/sources/index.ts';
import { median, report } from './results.ts';

const BODY = Buffer.from(`{"song":"${'x'.repeat(268)}"}`);
const ETAG = '"0123456789abcdef0123456789abcdef"';
const CONNECTIONS = 128;

if (process.env.S3_STUB !== undefined) serve(Number(process.env.S3_STUB));
else await main();

/** Answers every GET with the same small body after the latency. */
function serve(latencyMs: number): void {
  const headers = { etag: ETAG, 'content-length': BODY.length, 'content-type': 'binary/octet-stream' };
  const server = createServer({ keepAliveTimeout: 60_000 }, (_request, response) => {
    const answer = (): void => void response.writeHead(200, headers).end(BODY);
    if (latencyMs === 0) answer();
    else setTimeout(answer, latencyMs);
  });
  server.listen(0, '127.0.0.1', () => {
    const address = server.address();
    process.send?.(typeof address === 'object' && address !== null ? address.port : 0);
  });
}

interface Round {
  readonly perCpuSecond: number;
  readonly perSecond: number;
}

async function measure(objects: number, run: () => Promise<void>): Promise<Round> {
  const cpu = process.cpuUsage();
  const startedMs = performance.now();
  await run();
  const seconds = (performance.now() - startedMs) / 1000;
  const used = process.cpuUsage(cpu);
  return { perCpuSecond: objects / ((used.user + used.system) / 1e6), perSecond: objects / seconds };
}

async function main(): Promise<void> {
  const [count = 20_000, rounds = 5, latencyMs = 0] = process.argv.slice(2).map(Number);
  const stub = fork(fileURLToPath(import.meta.url), { env: { ...process.env, S3_STUB: String(latencyMs) } });
  const port = await new Promise<number>((resolve) => stub.once('message', (m) => resolve(Number(m))));
  const endpoint = `http://127.0.0.1:${port}`;
  const credentials = { accessKeyId: 'AKIABENCH', secretAccessKey: 'secret' };

  const objects = Array.from({ length: count }, (_, i): ListedObject => {
    const key = `song_data/A/B/C/TR${String(i).padStart(8, '0')}.json`;
    return { uri: `s3://bench/${key}`, key, sizeBytes: BODY.length, version: ETAG };
  });
  const source = await openSource('s3://bench', {
    cwd: '/',
    s3: { endpoint, region: 'us-east-1', ...credentials, connections: CONNECTIONS },
  });
  const sdk = new S3Client({
    endpoint,
    region: 'us-east-1',
    forcePathStyle: true,
    credentials,
    responseChecksumValidation: 'WHEN_REQUIRED',
    requestHandler: { httpAgent: new Agent({ keepAlive: true, maxSockets: CONNECTIONS }) },
  });

  const ours = async (): Promise<void> => {
    const directory = mkdtempSync(join(tmpdir(), 'sparkify-bench-'));
    let bytes = 0;
    for await (const batch of source.fetch(objects, { directory })) for (const f of batch) bytes += f.lengthBytes;
    rmSync(directory, { recursive: true });
    if (bytes !== count * BODY.length) throw new Error('bytes are missing');
  };
  const theirs = async (): Promise<void> => {
    let next = 0;
    let bytes = 0;
    const lane = async (): Promise<void> => {
      while (next < objects.length) {
        const { Body } = await sdk.send(new GetObjectCommand({ Bucket: 'bench', Key: objects[next++]!.key }));
        bytes += (await Body!.transformToByteArray()).length;
      }
    };
    await Promise.all(Array.from({ length: CONNECTIONS }, lane));
    if (bytes !== count * BODY.length) throw new Error('bytes are missing');
  };

  await ours();
  await theirs();
  const results = { ours: [] as Round[], sdk: [] as Round[] };
  for (let r = 0; r < rounds; r++) {
    results.ours.push(await measure(count, ours));
    results.sdk.push(await measure(count, theirs));
  }
  const rate = (list: readonly Round[], of: keyof Round): number => median(list.map((x) => x[of]));
  const side = (name: string, list: readonly Round[]): string =>
    `${name} ${Math.round(rate(list, 'perCpuSecond')).toLocaleString('en')} objects per CPU-second, ${Math.round(rate(list, 'perSecond')).toLocaleString('en')} per second`;
  report([
    {
      measure: 'S3 small objects per CPU-second ÷ AWS SDK',
      goal: '≥ 8',
      value: rate(results.ours, 'perCpuSecond') / rate(results.sdk, 'perCpuSecond'),
      unit: '',
      detail: `${count} objects of ${BODY.length} bytes, ${CONNECTIONS} connections, latency ${latencyMs} ms, ${rounds} rounds: ${side('sparkify', results.ours)}; ${side('AWS SDK', results.sdk)}`,
    },
  ]);
  await source.close();
  sdk.destroy();
  stub.kill();
}

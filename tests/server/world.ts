import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect } from 'vitest';
import { z } from 'zod';
import { type VirtualTime, virtualTime } from '../../src/core/timers.ts';
import type { Completion } from '../../src/orchestrator/queue/queue.ts';
import { createTaskQueue } from '../../src/orchestrator/queue/task-queue.ts';
import { createRun } from '../../src/orchestrator/runs/create-run.ts';
import { createRunGraphs, type RunGraphs } from '../../src/orchestrator/runs/run-graph.ts';
import { startRuns } from '../../src/orchestrator/runs/start-runs.ts';
import type { Store } from '../../src/orchestrator/store/store.ts';
import type { LoadedPipelines } from '../../src/orchestrator/worker/definitions.ts';
import type { PipelineGraph } from '../../src/pipeline/graph.ts';
import type { Interval } from '../../src/pipeline/interval.ts';
import { contractOf } from '../../src/server/contract/contract.ts';
import { type OperationId, operationIds, operations } from '../../src/server/operations.ts';
import type { ServerParts } from '../../src/server/parts.ts';
import { createServer, type Server, type ServerOptions } from '../../src/server/server.ts';
import { type OpenTestStore, startMs } from '../orchestrator/stores.ts';

export const day: Interval = { startMs: Date.UTC(2025, 11, 31), endMs: Date.UTC(2026, 0, 1) };

export interface Answered {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: a test looks into it where it likes
  readonly body: any;
}

export interface Asked {
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** Where it comes from. */
  readonly address?: string;
}

/** A server over a store, on virtual time; every answer is held against the schema of its operation. */
export interface World {
  readonly store: Store;
  readonly time: VirtualTime;
  readonly parts: ServerParts;
  readonly server: Server;
  readonly unforeseen: unknown[];
  /** `path` below /api/v1, or from a / on when it begins with one twice. */
  ask(method: string, path: string, asked?: Asked): Promise<Answered>;
  /** A run that has begun. */
  run(
    graph: PipelineGraph,
    more?: { readonly interval?: Interval; readonly kind?: 'manual' | 'scheduled' },
  ): Promise<number>;
  readonly runGraphs: RunGraphs;
  /** Lets runs that are queued begin, as many as there are. */
  startQueued(): Promise<void>;
  /** An `up` that lives. */
  heartbeat(): Promise<void>;
  /** Claims whatever is ready and ends it as told; the names of the tasks. */
  work(
    end?: (task: string) => Omit<Extract<Completion, { state: 'failed' }>, 'claim'> | undefined,
  ): Promise<readonly string[]>;
}

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

export async function openWorld(
  open: OpenTestStore,
  options: Partial<ServerOptions> & { readonly pipelines?: LoadedPipelines; readonly store?: Store } = {},
): Promise<World> {
  const { pipelines = { resolved: [], broken: [] }, store: given, ...serverOptions } = options;
  const time = virtualTime(startMs);
  const store = given ?? (await open({ clock: time })).store;
  const directory = mkdtempSync(join(tmpdir(), 'sparkify-server-'));
  folders.push(directory);
  const graphs = createRunGraphs();
  const queue = createTaskQueue(store, { random: () => 0, graphs });
  const unforeseen: unknown[] = [];
  const parts: ServerParts = {
    store,
    clock: time,
    timers: time,
    random: countingRandom(),
    logsDirectory: join(directory, 'logs'),
    pipelines: () => pipelines,
    refreshListings: async (pipeline) =>
      pipeline.stagings.map(({ name }) => ({ staging: name, objects: 3, differing: 1, error: undefined })),
    process: { version: '0.0.0-test', project: 'test', pid: 1, startedAtMs: startMs },
  };
  const server = createServer(parts, { report: (error) => unforeseen.push(error), ...serverOptions });
  return {
    store,
    time,
    parts,
    server,
    unforeseen,
    ask: (method, path, asked) => ask(server, method, path, asked),
    run: (graph, { interval = day, kind = 'manual' } = {}) =>
      store.write(async (tx) => {
        const id = await createRun(tx, {
          graph,
          kind,
          interval,
          request: { params: {} },
          priority: 0,
          dueAtMs: tx.nowMs,
          requestedBy: 'test',
        });
        await startRuns(tx, graphs, [id]);
        return id;
      }),
    runGraphs: graphs,
    startQueued: () =>
      store.write(async (tx) => {
        const queued = await tx.all<{ id: number }>("select id from runs where state = 'queued' order by id");
        await startRuns(
          tx,
          graphs,
          queued.map((r) => r.id),
        );
      }),
    heartbeat: async () => {
      const nowMs = time.nowMs();
      await store.write((tx) =>
        tx.db
          .insertInto('workers')
          .values({
            id: 'up-1',
            kind: 'up',
            host: 'here',
            pid: 1,
            identity_json: null,
            queues_json: '["default"]',
            slots: 4,
            started_at_ms: nowMs,
            heartbeat_at_ms: nowMs,
          })
          .execute(),
      );
    },
    work: async (end = () => undefined) => {
      const claimed = await queue.claim({
        worker: 'w',
        queues: ['default'],
        limit: 100,
        warehouse: true,
        leaseMs: 30_000,
      });
      time.advance(1000);
      await queue.complete(
        claimed.map(({ row, taskId, worker, attempt }): Completion => {
          const claim = { taskId, worker, attempt };
          const other = end(row.task);
          return other === undefined ? { state: 'succeeded', claim, detail: 'done' } : { ...other, claim };
        }),
      );
      return claimed.map((c) => c.row.task);
    },
  };
}

async function ask(server: Server, method: string, path: string, asked: Asked = {}): Promise<Answered> {
  const url = path.startsWith('//') ? `http://localhost${path.slice(1)}` : `http://localhost/api/v1${path}`;
  const request = {
    method,
    headers: {
      ...(asked.body === undefined ? {} : { 'content-type': 'application/json' }),
      ...asked.headers,
    },
    ...(asked.body === undefined
      ? {}
      : { body: typeof asked.body === 'string' ? asked.body : JSON.stringify(asked.body) }),
  };
  const response = await server.app.request(url, request, {
    incoming: { socket: { remoteAddress: asked.address ?? '127.0.0.1' } },
  });
  const text = await response.text();
  const type = response.headers.get('content-type') ?? '';
  const body: unknown = type.includes('json') && text !== '' ? JSON.parse(text) : undefined;
  const operation = operationAt(method, new URL(url).pathname);
  if (response.status === 200 || response.status === 201) {
    expect(response.status, `status of ${operation}`).toBe(
      operation === undefined ? 200 : (contractOf(operation).status ?? 200),
    );
    if (operation !== undefined && body !== undefined) obeys(operation, body);
  }
  return { status: response.status, headers: response.headers, text, body };
}

/** Strict schemas: a field that the contract does not name is found as well. */
export function obeys(operation: OperationId, body: unknown): void {
  const { error } = contractOf(operation).answer.safeParse(body);
  expect(error === undefined ? '' : `${operation}: ${z.prettifyError(error)}`).toBe('');
}

export function operationAt(method: string, path: string): OperationId | undefined {
  return operationIds.find(
    (id) =>
      operations[id].method.toUpperCase() === method &&
      new RegExp(`^/api/v1${operations[id].path.replaceAll(/\{\w+\}/gu, '[^/]+')}$`).test(path),
  );
}

/** The same bytes in every run of a test. */
function countingRandom(): (size: number) => Buffer {
  let calls = 0;
  return (size) => {
    calls += 1;
    return createHash('shake256', { outputLength: size }).update(String(calls)).digest();
  };
}

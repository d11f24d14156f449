import { createHmac } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, test } from 'vitest';
import { virtualTime } from '../../../src/core/timers.ts';
import { DELIVERY_TRIES, type Post } from '../../../src/orchestrator/alerts/send-alerts.ts';
import { alertStep, startAlerts } from '../../../src/orchestrator/alerts/start-alerts.ts';
import { type AlertTarget, targetName } from '../../../src/orchestrator/alerts/targets.ts';
import type { StoreEvent } from '../../../src/orchestrator/events/event.ts';
import { eventsAfter } from '../../../src/orchestrator/events/read-events.ts';
import type { Store } from '../../../src/orchestrator/store/store.ts';
import { eachStore, storeOpener, type VirtualClock } from '../stores.ts';

const hook: AlertTarget = { webhook: 'https://hooks.example/s3cr3t-path' };

interface Call {
  readonly url: string;
  readonly id: string;
  readonly body: { readonly type: string; readonly text: string; readonly [field: string]: unknown };
}

/** Takes calls down; `answer` may throw. */
function recorder(answer: (call: Call) => number | Promise<number> = () => 200) {
  const calls: Call[] = [];
  const post: Post = async (url, { headers, body }) => {
    const call = { url, id: headers['sparkify-delivery']!, body: JSON.parse(body) as Call['body'] };
    calls.push(call);
    return { status: await answer(call) };
  };
  return { calls, post };
}

async function addRun(store: Store, pipeline = 'sparkify', request: object = {}): Promise<number> {
  return store.write(async (tx) => {
    const { id } = await tx.db
      .insertInto('runs')
      .values({
        pipeline,
        version: 'v',
        kind: 'manual',
        backfill_id: null,
        start_ms: 0,
        end_ms: 86_400_000,
        state: 'failed',
        priority: 0,
        request_json: JSON.stringify({ params: {}, ...request }),
        due_at_ms: 0,
        created_at_ms: 0,
        started_at_ms: null,
        finished_at_ms: null,
        deadline_ms: null,
        late: 0,
        unfinished: 0,
        failures: 0,
        holder: null,
        holder_until_ms: null,
        error_json: null,
        report_json: null,
        requested_by: 'test',
      })
      .returning('id')
      .executeTakeFirstOrThrow();
    return id;
  });
}

function emit(store: Store, ...events: readonly StoreEvent[]): Promise<void> {
  return store.write(async (tx) => {
    for (const event of events) tx.emit(event);
  });
}

function failed(runId: number, pipeline = 'sparkify'): StoreEvent {
  const error = { code: 'SQL_FAILED', message: 'connect postgres://me:geheim99@db failed' };
  return { type: 'run.failed', pipeline, runId, durationMs: 5, error };
}

function succeeded(runId: number, pipeline = 'sparkify', outcome = 'published'): StoreEvent {
  return { type: 'run.succeeded', pipeline, runId, durationMs: 5, outcome };
}

/** A step of a process that is new each time: nothing is kept but what the store has. */
function stepper(store: Store, clock: VirtualClock, post: Post, targets: readonly AlertTarget[] = [hook]) {
  return () => alertStep(store, { targets, clock, post });
}

eachStore((_, open) => {
  test('a failure calls once, its run’s lateness once, the next success once', async () => {
    const { store, clock } = await open();
    const { calls, post } = recorder();
    const step = stepper(store, clock, post);
    await step();
    const [a, b] = [await addRun(store), await addRun(store)];
    await emit(store, { type: 'run.late', pipeline: 'sparkify', runId: a, deadlineMs: 0 }, failed(a));
    for (let i = 0; i < 3; i++) await step();
    // They are sent at the same time.
    expect(calls.map((c) => c.body.type).sort()).toEqual(['run.failed', 'run.late']);
    const failure = calls.find((c) => c.body.type === 'run.failed')!;
    expect(failure.body).toMatchObject({
      id: failure.id,
      text: `Run ${a} of sparkify: failed after 5 ms: connect postgres://me:***@db failed [SQL_FAILED]`,
      pipeline: 'sparkify',
      run: { id: a, kind: 'manual', start: '1970-01-01T00:00:00.000Z' },
      error: { code: 'SQL_FAILED', message: 'connect postgres://me:***@db failed' },
      commands: { logs: `sparkify logs ${a}`, retry: `sparkify runs retry ${a}` },
    });
    expect(new Set(calls.map((c) => c.id)).size).toBe(2);
    // Another pipeline's success is none of it, a dry run's neither; later successes are nothing new.
    await emit(store, succeeded(b, 'other'), succeeded(b, 'sparkify', 'published'), succeeded(b));
    for (let i = 0; i < 3; i++) await step();
    expect(calls.slice(2).map((c) => c.body.text)).toEqual([`Pipeline sparkify: works again, with run ${b}.`]);
    expect((await eventsAfter(store, 0, { filters: { types: ['pipeline.recovered'] } })).length).toBe(1);
    // The same run failing again is a new failure.
    await emit(store, failed(a));
    await step();
    expect(calls[3]).toMatchObject({ body: { type: 'run.failed' } });
    expect(calls[3]!.id).not.toBe(failure.id);
  });

  test('what happened before anybody looked is history; dry runs and selections alarm nobody', async () => {
    const { store, clock } = await open();
    const { calls, post } = recorder();
    const step = stepper(store, clock, post);
    const run = await addRun(store);
    await emit(store, failed(run));
    await step();
    expect(calls).toEqual([]);
    const [dry, some] = [
      await addRun(store, 'sparkify', { dryRun: true }),
      await addRun(store, 'sparkify', { only: ['a'] }),
    ];
    await emit(store, failed(dry), failed(some), failed(run), succeeded(dry, 'sparkify', 'dry-run'));
    await step();
    expect(calls.map((c) => c.body.type)).toEqual(['run.failed']);
    expect(calls[0]!.body.run).toMatchObject({ id: run });
  });

  test('each webhook gets what it asked for, and a process that has none still takes note', async () => {
    const { store, clock } = await open();
    const { calls, post } = recorder();
    const targets: AlertTarget[] = [
      { webhook: 'https://a.example/1', on: ['failed'] },
      { webhook: 'https://b.example/2', on: ['recovered'] },
    ];
    const step = stepper(store, clock, post, targets);
    await stepper(store, clock, post, [])();
    const run = await addRun(store);
    await emit(store, failed(run));
    await step();
    await emit(store, succeeded(run));
    await step();
    expect(calls.map((c) => [new URL(c.url).host, c.body.type])).toEqual([
      ['a.example', 'run.failed'],
      ['b.example', 'pipeline.recovered'],
    ]);
  });

  test('several processes at once note and call once', async () => {
    const { store, clock, another } = await open();
    const { calls, post } = recorder();
    const stores = [store, await another(), await another()];
    await stepper(store, clock, post)();
    const runs = await Promise.all(Array.from({ length: 8 }, () => addRun(store)));
    await emit(store, ...runs.map((run) => failed(run)));
    await Promise.all(stores.map((s) => stepper(s, clock, post)()));
    await Promise.all(stores.map((s) => stepper(s, clock, post)()));
    expect(calls.map((c) => (c.body.run as { id: number }).id).sort((x, y) => x - y)).toEqual(
      runs.sort((x, y) => x - y),
    );
  });

  test('a process that dies between the call and its note calls again under the same id, another one later', async () => {
    const { store, clock } = await open();
    const run = await addRun(store);
    const { calls, post } = recorder((call) => {
      if (calls.length === 1) throw new KilledHere();
      return call.body === undefined ? 500 : 200;
    });
    await stepper(store, clock, post)();
    await emit(store, failed(run));
    // The death: nothing that this process would write afterwards is written.
    const dying: Store = {
      ...store,
      write: (work) => (calls.length > 0 ? Promise.reject(new KilledHere()) : store.write(work)),
    };
    await expect(stepper(dying, clock, post)()).rejects.toThrow(KilledHere);
    const step = stepper(store, clock, post);
    expect(await step()).toBeGreaterThan(clock.nowMs());
    expect(calls).toHaveLength(1);
    clock.advance(60_000);
    expect(await step()).toBeUndefined();
    clock.advance(3_600_000);
    await step();
    expect(calls).toHaveLength(2);
    expect(calls[1]!.id).toBe(calls[0]!.id);
  });

  test('what is not taken is tried again, slower and slower, then given up with an event; no secret is told', async () => {
    const { store, clock } = await open();
    const run = await addRun(store);
    const { calls, post } = recorder(() => {
      if (calls.length % 2 === 0) return 302;
      throw new Error(`fetch failed: ${hook.webhook}`);
    });
    const step = stepper(store, clock, post);
    await step();
    await emit(store, failed(run));
    const pauses: number[] = [];
    for (let next = await step(); next !== undefined; next = await step()) {
      pauses.push(next - clock.nowMs());
      clock.advance(next - clock.nowMs());
    }
    expect(calls).toHaveLength(DELIVERY_TRIES);
    expect(pauses.slice(0, 3)).toEqual([10_000, 20_000, 40_000]);
    const [event] = await eventsAfter(store, 0, { filters: { types: ['alert.failed'] } });
    expect(event).toMatchObject({
      runId: run,
      target: targetName(hook.webhook),
      reason: 'it redirects (302), which is not followed',
    });
    const rows = await store.db.selectFrom('deliveries').selectAll().execute();
    expect(rows).toMatchObject([{ state: 'failed', tries: DELIVERY_TRIES }]);
    expect(JSON.stringify([rows, await eventsAfter(store, 0)])).not.toContain('s3cr3t-path');
  });

  test('a webhook that was taken out of the configuration is not called any more', async () => {
    const { store, clock } = await open();
    const { calls, post } = recorder(() => 500);
    const run = await addRun(store);
    await stepper(store, clock, post)();
    await emit(store, failed(run));
    await stepper(store, clock, post)();
    clock.advance(10_000);
    expect(await stepper(store, clock, post, [])()).toBeUndefined();
    expect(calls).toHaveLength(1);
    expect((await eventsAfter(store, 0)).at(-1)).toMatchObject({ type: 'alert.failed' });
  });
});

class KilledHere extends Error {}

describe('over HTTP', () => {
  const open = storeOpener('sqlite');
  test('calls are signed, redirects not followed, and the loop sends by itself as the store changes', async () => {
    const { store, clock } = await open();
    const seen: { headers: Record<string, unknown>; body: string }[] = [];
    const server = createServer((request, response) => {
      let body = '';
      request.on('data', (chunk: Buffer) => (body += chunk.toString()));
      request.on('end', () => {
        seen.push({ headers: request.headers, body });
        if (request.url === '/away') response.writeHead(302, { location: '/taken' }).end();
        else response.writeHead(200).end('x'.repeat(100_000));
      });
    });
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
    const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const time = virtualTime(clock.nowMs());
    const targets = [{ webhook: `${base}/taken`, secret: 'shared-secret' }, { webhook: `${base}/away` }];
    const alerts = startAlerts(store, { targets, clock: time, timers: time });
    const until = async (condition: () => boolean | Promise<boolean>) => {
      while (!(await condition())) await new Promise(setImmediate);
    };
    try {
      await until(async () => (await store.db.selectFrom('cursors').selectAll().execute()).length > 0);
      await emit(store, failed(await addRun(store)));
      await until(() => time.nextMs() !== undefined);
      time.advance(500);
      await until(() => seen.length === 2);
      const [signed] = seen.filter((s) => s.headers['sparkify-signature'] !== undefined);
      const [, t, v1] = /^t=(\d+),v1=([0-9a-f]{64})$/.exec(String(signed!.headers['sparkify-signature']))!;
      expect(v1).toBe(createHmac('sha256', 'shared-secret').update(`${t}.${signed!.body}`).digest('hex'));
      expect(signed!.headers['content-type']).toBe('application/json');
      await until(async () => {
        const rows = await store.db.selectFrom('deliveries').select(['state', 'error']).execute();
        return rows.some((r) => r.state === 'sent') && rows.some((r) => r.error?.includes('redirects') === true);
      });
    } finally {
      await alerts.stop();
      server.closeAllConnections();
      server.close();
    }
    expect(seen).toHaveLength(2);
    expect(time.nextMs()).toBeUndefined();
  });
});

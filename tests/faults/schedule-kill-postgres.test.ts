import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ensureBuilt } from '../cli/built.ts';
import { administer } from '../postgres-server/database.ts';
import { type PostgresServer, startPostgresServer } from '../postgres-server/server.ts';
import { useQuickDirectory } from '../property/quick-directory.ts';
import { randomOf } from './random.ts';
import { type Days, expectedOutcomes, type NodePlace, NodeProcess, outcomes, simulateDays } from './schedule-kills.ts';

const FAULTS = Number(process.env.SPARKIFY_KILLS ?? '4');
const SEED = Number(process.env.SPARKIFY_SEED ?? '1');
const LEASE_MS = 1_500;

let days: Days;
let server: PostgresServer;

beforeAll(async () => {
  useQuickDirectory();
  await ensureBuilt();
  server = await startPostgresServer();
  days = await simulateDays(8, 3);
}, 240_000);

afterAll(async () => {
  await days?.dispose();
  await server?.dispose();
});

const roles = ['up', 'worker', 'worker'] as const;

/** One scheduler and two workers; whoever ends without being done is started anew. */
class Fleet {
  readonly #start: (role: 'up' | 'worker') => NodeProcess;
  readonly #processes: NodeProcess[];
  readonly lines: string[] = [];

  constructor(start: (role: 'up' | 'worker') => NodeProcess) {
    this.#start = start;
    this.#processes = roles.map((role) => start(role));
  }

  get done(): boolean {
    return this.#processes.some((p) => p.done);
  }

  replaceEnded(): void {
    for (const [i, process] of this.#processes.entries())
      if (process.hasExited && !process.done) {
        this.lines.push(...process.lines);
        this.#processes[i] = this.#start(roles[i]!);
      }
  }

  process(random: number): NodeProcess {
    return this.#processes[Math.floor(random * this.#processes.length)]!;
  }

  async end(): Promise<void> {
    await Promise.all(this.#processes.map((p) => p.kill()));
    for (const p of this.#processes) this.lines.push(...p.lines);
  }
}

type Fault = 'kill' | 'pause' | 'cut' | 'restart';

function faultOf(random: number): Fault {
  if (random < 0.45) return 'kill';
  if (random < 0.7) return 'pause';
  return random < 0.9 ? 'cut' : 'restart';
}

async function disturb(fleet: Fleet, fault: Fault, random: () => number): Promise<void> {
  switch (fault) {
    case 'kill':
      return fleet.process(random()).kill();
    case 'pause': {
      const process = fleet.process(random());
      process.signal('SIGSTOP');
      await pause(LEASE_MS * (1 + random()));
      process.signal('SIGCONT');
      return;
    }
    case 'cut':
      return administer(
        server.url('postgres'),
        "select pg_terminate_backend(pid) from pg_stat_activity where datname like 'round_%' and pid <> pg_backend_pid()",
      );
    case 'restart':
      return server.restart('immediate');
  }
}

test(`a schedule, or a backfill, on PostgreSQL over ${FAULTS} faults (deaths, pauses beyond the lease, cut connections, crashes of the server) ends as undisturbed`, {
  timeout: 7_200_000,
}, async () => {
  const random = randomOf(SEED);
  let faults = 0;
  for (let round = 1; faults < FAULTS; round++) {
    const name = `round_${round}`;
    await administer(server.url('postgres'), `create database ${name}`);
    const segments = join(days.directory, name);
    await mkdir(segments);
    const url = server.url(name);
    const place: NodePlace = {
      mode: round % 2 === 1 ? 'schedule' : 'backfill',
      store: `${url}?schema=orchestrator`,
      warehouse: url,
      segments,
      leaseMs: LEASE_MS,
    };
    const story: string[] = [];
    const fleet = new Fleet((role) => new NodeProcess(days, place, role));
    while (!fleet.done) {
      fleet.replaceEnded();
      await pause(100 + random() * 700);
      if (faults >= FAULTS || fleet.done) continue;
      const fault = faultOf(random());
      faults++;
      story.push(fault);
      await disturb(fleet, fault, random);
    }
    await fleet.end();
    const told = `seed ${SEED}, round ${round}, ${story.join(' ')}:\n${fleet.lines.filter((l) => l !== 'ready').join('\n')}`;
    expect(await outcomes(place, days), told).toEqual(expectedOutcomes(place, days));
    expect(await days.star(place.warehouse, segments), told).toEqual(days.undisturbed);
    await administer(server.url('postgres'), `drop database ${name} with (force)`);
  }
});

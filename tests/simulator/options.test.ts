import { readFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { DEFECT_KINDS, simulate, simulationConfigSchema } from '../../src/simulator/index.ts';
import { memorySink, simulated } from './memory-sink.ts';

const SMALL = { seed: 1, users: 5, songs: 5, from: '2018-11-01', to: '2018-11-03' };

async function refusal(options: Parameters<typeof simulate>[0]): Promise<string> {
  const sink = memorySink();
  const error = await simulate(options, sink).then(
    () => undefined,
    (e: unknown) => e,
  );
  expect(error).toMatchObject({ code: 'SIMULATION_INVALID' });
  expect(sink.files.size).toBe(0);
  return (error as Error).message;
}

describe('options', () => {
  test('an unknown knob is named', async () => {
    expect(await refusal({ ...SMALL, config: { aplha: 60 } })).toContain('"aplha"');
    expect(await refusal({ ...SMALL, config: { damping: { night: 1 } } })).toMatch(/damping.*"night"/);
  });

  test('an unknown defect is named', async () => {
    expect(await refusal({ ...SMALL, defects: { cut_lines: 0.1 } })).toContain('"cut_lines"');
    expect(await refusal({ ...SMALL, defects: 'some' })).toContain('defects');
  });

  test('a value of the wrong kind or beyond its bounds is named with its place', async () => {
    expect(await refusal({ ...SMALL, config: { alpha: '60' } })).toContain('alpha');
    expect(await refusal({ ...SMALL, config: { damping: { weekend: 1.5 } } })).toContain('damping.weekend');
    expect(await refusal({ ...SMALL, config: { sessionGap: 60 } })).toContain('sessionGap');
    expect(await refusal({ ...SMALL, config: { levels: { free: 0, paid: 0 } } })).toContain('levels');
    expect(await refusal({ ...SMALL, defects: { nan: 2 } })).toContain('nan');
    expect(await refusal({ ...SMALL, config: [] })).toContain('object');
    expect(await refusal({ ...SMALL, seed: -1 })).toContain('seed');
    expect(await refusal({ ...SMALL, users: 0.5 })).toContain('users');
  });

  test('days must be days, in order, within the century', async () => {
    expect(await refusal({ ...SMALL, from: '2018-11-31' })).toContain('from');
    expect(await refusal({ ...SMALL, to: '2018-11-01' })).toContain('before');
    expect(await refusal({ ...SMALL, from: '1999-12-31' })).toContain('2000');
  });

  test('a chain that cannot be is refused', async () => {
    const play = { page: 'NextSong', auth: 'Logged In', method: 'PUT', status: 200 };
    const over = [
      { source: play, dest: play, p: 0.7 },
      { source: play, dest: { ...play, page: 'Home' }, p: 0.5 },
    ];
    expect(await refusal({ ...SMALL, config: { transitions: over } })).toContain('more than 1');
    const nobody = [{ source: play, dest: { ...play, auth: 'Logged Out' }, p: 0.7 }];
    expect(await refusal({ ...SMALL, config: { transitions: nobody } })).toContain('Logged In');
    expect(await refusal({ ...SMALL, config: { transitions: [], upgrade: 0.5 } })).toContain('upgrade');
    expect(await refusal({ ...SMALL, config: { newSession: [] } })).toContain('newSession');
  });

  test('a chain of one`s own replaces the default', async () => {
    const play = { page: 'NextSong', auth: 'Logged In', method: 'PUT', status: 200 } as const;
    const { truth } = await simulated({
      ...SMALL,
      users: 50,
      config: { newSession: [{ state: play, weight: 1 }], transitions: [{ source: play, dest: play, p: 0.5 }] },
    });
    expect(truth.tables.songplays).toBe(truth.tables.staging_events);
    expect(truth.tables.songplays).toBeGreaterThan(50);
  });

  test('what is given directly stands above the configuration file', async () => {
    const { truth } = await simulated({ ...SMALL, songs: 7, config: { songs: 3, seed: 9, from: '2017-01-01' } });
    expect(truth.tables.songs).toBe(7);
    expect(truth.seed).toBe(1);
    expect(truth.from).toBe('2018-11-01');
  });

  test('a stop is heeded', async () => {
    const stop = new AbortController();
    const options = { ...SMALL, signal: stop.signal, onProgress: () => stop.abort(new Error('enough')) };
    await expect(simulate(options, memorySink())).rejects.toThrow('stopped');
  });

  test('progress counts days and events up', async () => {
    const seen: { phase: string; done: number; total: number; events: number }[] = [];
    await simulate({ ...SMALL, onProgress: (p) => seen.push(p) }, memorySink());
    expect(seen.filter((p) => p.phase === 'logs').map((p) => p.done)).toEqual([1, 2]);
    expect(seen.at(-1)).toMatchObject({ total: 2 });
  });
});

describe('docs/simulator.md', () => {
  test('names every knob and every kind of defect', async () => {
    const page = await readFile(new URL('../../docs/simulator.md', import.meta.url), 'utf8');
    const names = [...Object.keys(simulationConfigSchema.shape), ...Object.keys(DEFECT_KINDS)];
    expect(names.filter((name) => !page.includes(`\`${name}\``))).toEqual([]);
  });

  test('gives every defect the rate and the reason it has', async () => {
    const page = await readFile(new URL('../../docs/simulator.md', import.meta.url), 'utf8');
    for (const [name, kind] of Object.entries(DEFECT_KINDS)) {
      const reason = 'reason' in kind ? `\`${kind.reason}\`` : '–';
      expect(page).toContain(`| \`${name}\` | ${kind.rate} | ${kind.doc} | ${reason} |`);
    }
  });
});

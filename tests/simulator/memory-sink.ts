import {
  type SimulateOptions,
  type SimulationSink,
  type SimulationTruth,
  simulate,
} from '../../src/simulator/index.ts';

/** A sink that keeps everything, by key. */
export function memorySink(): SimulationSink & { readonly files: Map<string, Buffer> } {
  const files = new Map<string, Buffer>();
  return {
    files,
    write: async (key, content) => {
      if (files.has(key)) throw new Error(`${key} is written twice`);
      files.set(key, Buffer.from(content));
    },
  };
}

export interface Simulated {
  readonly truth: SimulationTruth;
  readonly files: Map<string, Buffer>;
}

export async function simulated(options: SimulateOptions): Promise<Simulated> {
  const sink = memorySink();
  const truth = await simulate(options, sink);
  return { truth, files: sink.files };
}

/** All lines of an NDJSON file that the simulator writes about its own output. */
export function rows<T>(file: Buffer | undefined): T[] {
  return (file?.toString('utf8') ?? '')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as T);
}

export interface LogRecord {
  readonly artist: string | null;
  readonly auth: string;
  readonly firstName: string | null;
  readonly gender: string | null;
  readonly itemInSession: number;
  readonly lastName: string | null;
  readonly length: number | null;
  readonly level: string;
  readonly location: string | null;
  readonly method: string;
  readonly page: string;
  readonly registration: number | null;
  readonly sessionId: number;
  readonly song: string | null;
  readonly status: number;
  readonly ts: number;
  readonly userAgent: string | null;
  readonly userId: string;
}

/** Keys below a folder, in order. */
export function keysBelow(files: ReadonlyMap<string, Buffer>, folder: string): string[] {
  return [...files.keys()].filter((key) => key.startsWith(`${folder}/`)).sort();
}

/** The events of undamaged files, in the order they stand in. */
export function events(files: ReadonlyMap<string, Buffer>): LogRecord[] {
  return keysBelow(files, 'log_data').flatMap((key) => rows<LogRecord>(files.get(key)));
}

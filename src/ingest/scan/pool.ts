import { Worker } from 'node:worker_threads';
import type { ErrorCode } from '../../core/error-catalogue.ts';
import { SparkifyError } from '../../core/errors.ts';
import { lookAtFiles } from '../../sources/local/look.ts';
import { partInput, type ScannedPart, type ScanPart } from './part.ts';
import { PartScanner } from './scan-part.ts';
import type { ScanSpec } from './spec.ts';
import { packPart, packPaths, unpackScan } from './transport.ts';
import type { Answer, LookOrder, ScanOrder } from './worker.ts';

/** Scans parts, several at a time; parts end in any order. Before there are any, it looks at files for a listing. */
export interface ScanPool {
  /** @throws as LookAtFiles */
  look(paths: readonly string[]): Promise<Float64Array>;
  /** @throws SOURCE_UNREADABLE, SOURCE_CHANGED, DISK_FULL */
  scan(spec: ScanSpec, part: ScanPart): Promise<ScannedPart>;
  /** Ends the threads; scans that run are given up. */
  close(): Promise<void>;
}

/** Scans in this thread: for little input, where a thread would cost more than it saves. */
export function inlinePool(): ScanPool {
  let scanner: PartScanner | undefined;
  let last: Promise<unknown> = Promise.resolve();
  let closed = false;
  return {
    look: async (paths) => lookAtFiles(paths),
    scan: (spec, part) => {
      if (closed) return Promise.reject(givenUp());
      // One after the other: the scanner holds one object at a time.
      const result = last.then(async () => {
        if (scanner?.spec !== spec) scanner = new PartScanner(spec);
        return unpackScan(part, await scanner.scan(part.inputs.map(partInput), part.spoolPath));
      });
      last = result.catch(() => undefined);
      return result;
    },
    close: async () => {
      closed = true;
      await last;
    },
  };
}

interface Task {
  /** Made when a thread is free for it. */
  readonly order: () => ScanOrder | LookOrder;
  readonly take: (answer: Extract<Answer, { ok: true }>) => void;
  readonly reject: (error: Error) => void;
}

/** A thread that is done finds the next part waiting: it need not wait until this thread has a moment for it. */
const PARTS_PER_THREAD = 2;

/** Scans in `size` threads, which start at once and keep no process alive when they have nothing to do. */
export function threadPool(size: number): ScanPool {
  const specs: ScanSpec[] = [];
  const looks: Task[] = [];
  /** Parts that no thread was told of yet, by staging. */
  const parts = new Map<ScanSpec, Task[]>();
  /** What each thread was told to do, in the order in which it answers. */
  const told = new Map<Worker, Task[]>();
  let closed = false;

  /** A whole listing waits for a look, a scan is one of many. Stagings take turns: none waits for all of another one's parts. */
  const takeNext = (): Task | undefined => {
    const look = looks.shift();
    if (look !== undefined) return look;
    for (const [spec, tasks] of parts) {
      parts.delete(spec);
      const task = tasks.shift()!;
      if (tasks.length > 0) parts.set(spec, tasks);
      return task;
    }
    return undefined;
  };
  const next = () => {
    while (looks.length > 0 || parts.size > 0) {
      const [worker, tasks] = [...told].reduce((a, b) => (b[1].length < a[1].length ? b : a));
      if (tasks.length === PARTS_PER_THREAD) return;
      const task = takeNext()!;
      tasks.push(task);
      worker.ref();
      worker.postMessage(task.order());
    }
  };
  const broken = (worker: Worker, error: Error) => {
    for (const task of told.get(worker) ?? []) task.reject(error);
    told.delete(worker);
    if (told.size > 0) return;
    for (let task = takeNext(); task !== undefined; task = takeNext()) task.reject(error);
  };
  const start = () => {
    const worker = scanThread();
    told.set(worker, []);
    worker.unref();
    worker.on('message', (answer: Answer) => {
      const tasks = told.get(worker);
      const task = tasks?.shift();
      if (tasks?.length === 0) worker.unref();
      // First, so that the thread goes on while its answer is unpacked.
      next();
      if (task === undefined) return;
      if (answer.ok) task.take(answer);
      else task.reject(remoteError(answer));
    });
    worker.on('error', (error) => broken(worker, error as Error));
    worker.on('exit', () => broken(worker, closed ? givenUp() : new Error('a scan thread ended')));
  };
  for (let i = 0; i < size; i++) start();

  const give = (task: Task, spec?: ScanSpec): void => {
    if (closed || told.size === 0) {
      task.reject(givenUp());
      return;
    }
    if (spec === undefined) looks.push(task);
    else parts.set(spec, [...(parts.get(spec) ?? []), task]);
    next();
  };
  const numberOf = (spec: ScanSpec): number => {
    if (!specs.includes(spec)) specs.push(spec);
    return specs.indexOf(spec);
  };
  return {
    look: (paths) =>
      new Promise((resolve, reject) => {
        const order = (): LookOrder => ({ kind: 'look', paths: packPaths(paths) });
        const take: Task['take'] = (answer) => answer.kind === 'look' && resolve(answer.seen);
        give({ order, take, reject });
      }),
    scan: (spec, part) =>
      new Promise((resolve, reject) => {
        const order = (): ScanOrder => ({ kind: 'scan', number: numberOf(spec), spec, part: packPart(part) });
        const take: Task['take'] = (answer) => answer.kind === 'scan' && resolve(unpackScan(part, answer.scan));
        give({ order, take, reject }, spec);
      }),
    close: async () => {
      closed = true;
      await Promise.all([...told.keys()].map((worker) => worker.terminate()));
    },
  };
}

function givenUp(): Error {
  return new Error('the scan was given up');
}

/** Run from sources, a thread needs what this process has already: a loader for TypeScript. */
function scanThread(): Worker {
  const compiled = import.meta.url.endsWith('.js');
  const url = new URL(compiled ? './worker.js' : './worker.ts', import.meta.url);
  return new Worker(url, compiled ? {} : { execArgv: ['--import', 'jiti/register'] });
}

function remoteError(answer: Extract<Answer, { ok: false }>): SparkifyError {
  return new SparkifyError(answer.code as ErrorCode, answer.params as never, { cause: new Error(answer.cause) });
}

import { parentPort } from 'node:worker_threads';
import { toSparkifyError } from '../../core/errors.ts';
import { lookAtFiles } from '../../sources/local/look.ts';
import { PartScanner } from './scan-part.ts';
import type { ScanSpec } from './spec.ts';
import { type PackedPart, type PackedScan, unpackPart, unpackPaths } from './transport.ts';

/** What a scan thread is asked for. */
export interface ScanOrder {
  readonly kind: 'scan';
  /** Of the spec: orders with one number have the same. */
  readonly number: number;
  readonly spec: ScanSpec;
  readonly part: PackedPart;
}

/** What it is asked for before there is anything to scan. */
export interface LookOrder {
  readonly kind: 'look';
  /** Packed. */
  readonly paths: string;
}

/** What it answers: errors cross as code and parameters, from which they are made again. */
export type Answer =
  | { readonly ok: true; readonly kind: 'scan'; readonly scan: PackedScan }
  | { readonly ok: true; readonly kind: 'look'; readonly seen: Float64Array }
  | { readonly ok: false; readonly code: string; readonly params: unknown; readonly cause: string };

const port = parentPort;
if (port !== null) {
  // Parts of several stagings come in turn.
  const scanners = new Map<number, PartScanner>();
  const carryOut = async (order: ScanOrder | LookOrder): Promise<Answer> => {
    if (order.kind === 'look') return { ok: true, kind: 'look', seen: lookAtFiles(unpackPaths(order.paths)) };
    const scanner = scanners.get(order.number) ?? new PartScanner(order.spec);
    scanners.set(order.number, scanner);
    return { ok: true, kind: 'scan', scan: await scanner.scan(unpackPart(order.part), order.part.spoolPath) };
  };
  const answerTo = async (order: ScanOrder | LookOrder): Promise<void> => {
    let answer: Answer;
    try {
      answer = await carryOut(order);
    } catch (thrown) {
      const error = toSparkifyError(thrown);
      answer = { ok: false, code: error.code, params: error.params, cause: String(error.cause ?? error.message) };
    }
    port.postMessage(answer);
  };
  // One after the other: the scanner holds one object at a time.
  let last: Promise<void> = Promise.resolve();
  port.on('message', (order: ScanOrder | LookOrder) => {
    last = last.then(() => answerTo(order));
  });
}

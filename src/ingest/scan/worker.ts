import { parentPort } from 'node:worker_threads';
import { toSparkifyError } from '../../core/errors.ts';
import { PartScanner } from './scan-part.ts';
import type { ScanSpec } from './spec.ts';
import { type PackedPart, type PackedScan, packScan, unpackPart } from './transport.ts';

/** What a scan thread is asked for. */
export interface ScanOrder {
  /** Of the spec: orders with one number have the same. */
  readonly number: number;
  readonly spec: ScanSpec;
  readonly part: PackedPart;
}

/** What it answers: errors cross as code and parameters, from which they are made again. */
export type ScanAnswer =
  | { readonly ok: true; readonly scan: PackedScan }
  | { readonly ok: false; readonly code: string; readonly params: unknown; readonly cause: string };

const port = parentPort;
if (port !== null) {
  let number = -1;
  let scanner: PartScanner | undefined;
  const answerTo = async (order: ScanOrder): Promise<void> => {
    let answer: ScanAnswer;
    try {
      if (scanner === undefined || order.number !== number) scanner = new PartScanner(order.spec);
      number = order.number;
      answer = { ok: true, scan: packScan(await scanner.scan(unpackPart(order.part), order.part.spoolPath)) };
    } catch (thrown) {
      const error = toSparkifyError(thrown);
      answer = { ok: false, code: error.code, params: error.params, cause: String(error.cause ?? error.message) };
    }
    port.postMessage(answer);
  };
  // One after the other: the scanner holds one object at a time.
  let last: Promise<void> = Promise.resolve();
  port.on('message', (order: ScanOrder) => {
    last = last.then(() => answerTo(order));
  });
}

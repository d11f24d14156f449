import { parentPort, workerData } from 'node:worker_threads';
import { toSparkifyError } from '../../core/errors.ts';
import type { ScannedPart, ScanPart } from './part.ts';
import { PartScanner } from './scan-part.ts';
import type { ScanSpec } from './spec.ts';

/** What a scan thread answers to a part: errors cross as code and parameters, from which they are made again. */
export type ScanAnswer =
  | { readonly ok: true; readonly part: ScannedPart }
  | { readonly ok: false; readonly code: string; readonly params: unknown; readonly cause: string };

const port = parentPort;
if (port !== null) {
  const scanner = new PartScanner(workerData as ScanSpec);
  port.on('message', async (part: ScanPart) => {
    let answer: ScanAnswer;
    try {
      answer = { ok: true, part: await scanner.scan(part) };
    } catch (thrown) {
      const error = toSparkifyError(thrown);
      answer = { ok: false, code: error.code, params: error.params, cause: String(error.cause ?? error.message) };
    }
    port.postMessage(answer);
  });
}

/** Preloaded into a measured process (`node --import`): tells its CPU time and its peak memory on file descriptor 3 when it ends. */
import { readFileSync, writeSync } from 'node:fs';
import { isMainThread } from 'node:worker_threads';

if (isMainThread) {
  process.on('exit', () => {
    const { userCPUTime, systemCPUTime, maxRSS } = process.resourceUsage();
    writeSync(
      3,
      JSON.stringify({ cpuSeconds: (userCPUTime + systemCPUTime) / 1e6, peakMb: peakOfProgram() ?? maxRSS / 1024 }),
    );
  });
}

/** Of this program alone; the kernel's maxRSS begins with what the process that started it held. */
function peakOfProgram(): number | undefined {
  try {
    const kb = /^VmHWM:\s*(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1];
    return kb === undefined ? undefined : Number(kb) / 1024;
  } catch {
    return undefined;
  }
}

// Adds up Vitest's JSON reports. Fails for a failed test, a skipped one, a report that is missing or empty, and for phases
// that failed otherwise (the first argument). The last line is `N passed, M failed`.
import { existsSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';

const [broken, ...reports] = process.argv.slice(2);
let passed = 0;
let failed = 0;
for (const path of reports) {
  const name = basename(path, '.json');
  if (!existsSync(path)) {
    console.log(`${name}: no report`);
    failed += 1;
    continue;
  }
  const r = JSON.parse(readFileSync(path, 'utf8'));
  const skipped = r.numPendingTests + r.numTodoTests;
  // A file that cannot be loaded has no failed test of its own.
  const unloaded = r.testResults.filter((t) => t.status === 'failed' && t.assertionResults.length === 0).length;
  console.log(
    `${name}: ${r.numPassedTests} passed, ${r.numFailedTests} failed, ${skipped} skipped, ${unloaded} not loaded`,
  );
  passed += r.numPassedTests;
  failed += r.numFailedTests + skipped + unloaded + (r.numTotalTests === 0 ? 1 : 0);
}
if (failed === 0) failed = Number(broken);
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);

// `npm test` on a bare clone: installs what is missing, then style, types, unused code, build and the tests. Arguments go to
// Vitest (`npm test -- tests/core`). `npm run test:long` draws thousands of histories and kills at every single step.
import { build, install, requireNode, step, tool } from './setup.mjs';

const long = process.argv[2] === '--long';
const args = process.argv.slice(long ? 3 : 2);

requireNode();
install();
if (!long) {
  step('Style', ...tool('@biomejs/biome/bin/biome', 'check', '.'));
  step('Types', ...tool('typescript/bin/tsc', '-p', 'tsconfig.json', '--noEmit'));
  step('Unused code', ...tool('knip/bin/knip.js', '--no-progress'));
}
build();
const vitest = (...more) => tool('vitest/vitest.mjs', 'run', ...more);
if (long) {
  // Another seed every day, said aloud, so that a failure can be repeated.
  const seed = process.env.SPARKIFY_SEED ?? new Date().toISOString().slice(0, 10).replaceAll('-', '');
  process.stderr.write(`SPARKIFY_SEED=${seed}\n`);
  const env = {
    SPARKIFY_SEED: seed,
    SPARKIFY_CASES: process.env.SPARKIFY_CASES ?? '3000',
    SPARKIFY_FAULTS: 'all',
    SPARKIFY_KILLS: process.env.SPARKIFY_KILLS ?? '1000',
    SPARKIFY_LOAD_SECONDS: process.env.SPARKIFY_LOAD_SECONDS ?? '600',
  };
  step(
    'Long tests',
    ...vitest(
      ...(args.length > 0
        ? args
        : [
            'tests/property',
            'tests/orchestrator/model',
            'tests/orchestrator/node',
            'tests/orchestrator/queue/hammer.test.ts',
            'tests/faults',
            'tests/pipeline/zones.test.ts',
            'tests/orchestrator/store/processes.test.ts',
          ]),
    ),
    { env, stdout: 1 },
  );
} else {
  step('Tests', ...vitest(...args), { stdout: 1 });
}

/** Suites with many processes, restarted servers and full disks. `npm test` must end within six minutes on two cores. */
export const slowSuites: readonly string[] = [
  'tests/faults/commit-unknown.test.ts',
  'tests/cli/while-running.test.ts',
  'tests/faults/disk-full.test.ts',
  'tests/faults/kill-duckdb.test.ts',
  'tests/faults/kill-postgres.test.ts',
  'tests/faults/postgres-restart.test.ts',
  'tests/faults/readers.test.ts',
  'tests/faults/two-processes.test.ts',
  'tests/faults/schedule-kill-postgres.test.ts',
  'tests/orchestrator/queue/hammer.test.ts',
  'tests/orchestrator/scheduler/simulation.test.ts',
  'tests/orchestrator/store/faults.test.ts',
  'tests/orchestrator/store/processes.test.ts',
  'tests/property/orchestrated.test.ts',
  'tests/property/planted-bugs.test.ts',
  'tests/quality/agreement.test.ts',
];

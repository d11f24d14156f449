import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { TestProject } from 'vitest/node';

declare module 'vitest' {
  interface ProvidedContext {
    /** Folder with the binaries of the real servers. */
    readonly serverBinaries: string;
  }
}

/** Builds what is missing; a failed build fails the run. */
export default function setup(project: TestProject): void {
  const script = fileURLToPath(new URL('../../.ci/build-s3-servers.sh', import.meta.url));
  const folder = execFileSync('sh', [script], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
  project.provide('serverBinaries', folder.trim());
}

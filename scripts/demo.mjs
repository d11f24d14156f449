// `npm run demo` on a bare clone: installs and builds what is missing, then runs `sparkify demo`.
import { spawnSync } from 'node:child_process';
import { bin, build, install, requireNode } from './setup.mjs';

requireNode();
install();
build();
const { status, signal } = spawnSync(process.execPath, [bin, 'demo', ...process.argv.slice(2)], { stdio: 'inherit' });
process.exit(signal === null ? (status ?? 1) : 130);

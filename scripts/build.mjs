// `npm run build`: every module compiled, with its declarations, into `dist`; then the command as it is packed, `dist/bundle`.
// With `everything` tests and measurements are compiled too.
import { rmSync } from 'node:fs';
import { bundle } from './bundle.mjs';
import { bin, step, tool } from './setup.mjs';

const project = process.argv[2] === 'everything' ? 'tsconfig.json' : 'tsconfig.build.json';

// Were the old command left after a failure, it would be newer than the sources.
rmSync(bin, { force: true });
step('Compiling', ...tool('typescript/bin/tsc', '-p', project));
await bundle();

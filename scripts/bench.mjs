// `npm run bench` names the measurements; `npm run bench -- NAME [arguments]` compiles everything and runs one.
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { install, requireNode, root, step, tool } from './setup.mjs';

const [name, ...args] = process.argv.slice(2);
const known = readdirSync(join(root, 'bench'))
  .filter((f) => f.endsWith('.ts'))
  .map((f) => f.slice(0, -3));

if (name === undefined || !known.includes(name)) {
  for (const bench of known) {
    const comment = /^\/\*\*([\s\S]*?)(?:\n \*\n|\*\/)/u.exec(readFileSync(join(root, 'bench', `${bench}.ts`), 'utf8'));
    const said = (comment?.[1] ?? '').replaceAll(/\n \*/gu, '').trim();
    process.stdout.write(`${bench}\n    ${said}\n`);
  }
  process.exit(name === undefined ? 0 : 2);
}
requireNode();
install();
step('Building', ...tool('typescript/bin/tsc', '-p', 'tsconfig.json'));
const { status } = spawnSync(process.execPath, [join(root, 'dist', 'bench', `${name}.js`), ...args], {
  stdio: 'inherit',
});
process.exit(status ?? 1);

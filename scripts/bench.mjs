// `npm run bench` measures everything, `npm run bench -- NAME [arguments]` one thing; `npm run bench -- list` names them.
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { install, requireNode, root, step } from './setup.mjs';

const [first = 'all', ...rest] = process.argv.slice(2);
// Sizes given without a name are for everything.
const [name, args] = first === 'smoke' ? ['all', [first, ...rest]] : [first, rest];
const known = readdirSync(join(root, 'bench'))
  .filter((f) => f.endsWith('.ts') && readFileSync(join(root, 'bench', f), 'utf8').includes('npm run bench'))
  .map((f) => f.slice(0, -3));

if (!known.includes(name)) {
  for (const bench of known) {
    const comment = /^\/\*\*([\s\S]*?)\*\//u.exec(readFileSync(join(root, 'bench', `${bench}.ts`), 'utf8'));
    const said = (comment?.[1] ?? '').replaceAll(/\n \* ?/gu, '\n    ').trim();
    process.stdout.write(`${bench}\n    ${said}\n`);
  }
  process.exit(name === 'list' ? 0 : 2);
}
requireNode();
install();
step('Building', process.execPath, [join(root, 'scripts', 'build.mjs'), 'everything']);
const { status } = spawnSync(process.execPath, [join(root, 'dist', 'bench', `${name}.js`), ...args], {
  stdio: 'inherit',
});
process.exit(status ?? 1);

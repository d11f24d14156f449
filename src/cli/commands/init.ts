import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join, relative, resolve, sep } from 'node:path';
import { SparkifyError } from '../../core/errors.ts';
import { type CliContext, line } from '../context.ts';
import { packageRoot } from '../package.ts';

/** `sparkify init DIR`: writes a project that runs as it is; never over anything. */
export async function init(context: CliContext, _options: object, dir: string): Promise<number> {
  const target = resolve(context.cwd, dir);
  await refuseFull(target, dir);
  const template = join(packageRoot(), 'templates', 'project');
  const replacements = {
    __NAME__: basename(target),
    __PACKAGE__: packageName(basename(target)),
    __SPARKIFY_TYPES__: typesPath().split(sep).join('/'),
  };
  const files = (await readdir(template, { recursive: true, withFileTypes: true })).filter((f) => f.isFile());
  for (const file of files) {
    const from = join(file.parentPath, file.name);
    // npm leaves out files called .gitignore, so the template has it without the dot.
    const to = join(target, relative(template, from)).replace(/gitignore$/, '.gitignore');
    let text = await readFile(from, 'utf8');
    for (const [word, value] of Object.entries(replacements)) text = text.replaceAll(word, value);
    await mkdir(dirname(to), { recursive: true });
    await writeFile(to, text, { flag: 'wx' });
  }
  const c = context.outColors;
  const where = relative(context.cwd, target) || '.';
  await line(context.out, `${c.green('✓')} A new project in ${where}. Try next:`);
  for (const command of [...(where === '.' ? [] : [`cd ${where}`]), 'sparkify run orders', 'sparkify analyze revenue'])
    await line(context.out, `  ${c.bold(command)}`);
  return 0;
}

async function refuseFull(target: string, dir: string): Promise<void> {
  const found = await stat(target).catch(() => undefined);
  if (found === undefined) return;
  if (found.isDirectory() && (await readdir(target)).length === 0) return;
  throw new SparkifyError('USAGE', {
    detail: `${dir} is there already${found.isDirectory() ? ' and not empty' : ', and is no folder'}; nothing was written.`,
    fix: 'Name a folder that is new or empty.',
  });
}

/** A folder's name as npm accepts it. */
function packageName(folder: string): string {
  const name = folder
    .toLowerCase()
    .replace(/[^a-z0-9._~-]+/g, '-')
    .replace(/^[._-]+/, '');
  return name === '' || name === 'sparkify' ? 'my-warehouse' : name;
}

/** Declarations of this package: the built ones, or the sources it runs from. */
function typesPath(): string {
  const fromSource = import.meta.url.endsWith('.ts');
  return join(packageRoot(), ...(fromSource ? ['src', 'index.ts'] : ['dist', 'src', 'index.d.ts']));
}

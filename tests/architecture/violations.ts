import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, posix, relative, sep } from 'node:path';
import { type Import, importsOf, lineAt, withoutComments } from './imports.ts';
import {
  engineFolder,
  engineWords,
  type Layers,
  layers,
  longestFileLines,
  packages,
  processFolder,
  processWords,
} from './layers.ts';

export interface Violation {
  /** Below the root, with `/`. */
  readonly file: string;
  readonly line: number;
  readonly rule:
    | 'layer'
    | 'package'
    | 'process'
    | 'engine'
    | 'state'
    | 'cycle'
    | 'missing'
    | 'length'
    | 'leftover'
    | 'place';
  readonly detail: string;
}

interface Module {
  readonly file: string;
  readonly text: string;
  readonly imports: readonly Import[];
}

/** Every breach of the house rules in a tree with `src/` and `pipelines/`, in the order of files and lines. */
export function findViolations(root: string, table: Layers = layers): readonly Violation[] {
  const modules = ['src', 'pipelines'].flatMap((folder) => sourcesBelow(root, folder)).map((f) => moduleOf(root, f));
  const found = [
    ...modules.flatMap((m) => [...importViolations(m, modules, table), ...wordViolations(m)]),
    ...cycles(modules),
    ...['src', 'pipelines', 'tests', 'bench', 'scripts', 'templates']
      .flatMap((folder) => sourcesBelow(root, folder))
      .flatMap((file) => textViolations(file, readFileSync(join(root, file), 'utf8'))),
  ];
  return found.sort((a, b) => (a.file < b.file ? -1 : a.file > b.file ? 1 : a.line - b.line));
}

function sourcesBelow(root: string, folder: string): readonly string[] {
  const start = join(root, folder);
  if (!existsSync(start)) return [];
  return readdirSync(start, { recursive: true, withFileTypes: true })
    .filter((e) => e.isFile() && /\.(?:m|c)?[jt]s$/u.test(e.name))
    .map((e) => relative(root, join(e.parentPath, e.name)).split(sep).join('/'))
    .sort();
}

function moduleOf(root: string, file: string): Module {
  const text = readFileSync(join(root, file), 'utf8');
  return { file, text, imports: importsOf(text) };
}

/** `star` of `src/star/apply.ts`, `index.ts` of `src/index.ts`, `pipelines` of `pipelines/sparkify/tables.ts`. */
function layerOf(file: string): string {
  const [top, second = ''] = file.split('/');
  return top === 'src' ? second : top!;
}

function target(from: string, specifier: string): string {
  return posix.normalize(posix.join(dirname(from), specifier));
}

function importViolations(module: Module, modules: readonly Module[], table: Layers): readonly Violation[] {
  const here = layerOf(module.file);
  const allowed = table[here];
  const at = (line: number, rule: Violation['rule'], detail: string) => ({ file: module.file, line, rule, detail });
  if (allowed === undefined) return [at(1, 'layer', `the folder ${here} has no place in the table of layers`)];
  return module.imports.flatMap(({ specifier, line }) => {
    if (specifier.startsWith('node:')) return [];
    if (!specifier.startsWith('.')) return packageViolation(module.file, specifier, line);
    const file = target(module.file, specifier);
    if (!modules.some((m) => m.file === file)) return [at(line, 'missing', `${specifier} is no module`)];
    const there = layerOf(file);
    if (there === here || allowed.includes(there) || allowed.includes(file.replace(/^src\//u, ''))) return [];
    return [at(line, 'layer', `${here} may not import ${file}`)];
  });
}

function packageViolation(file: string, specifier: string, line: number): readonly Violation[] {
  const name = specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
  const places = packages[name] ?? [];
  if (places.some((place) => file.startsWith(place))) return [];
  const where = places.length === 0 ? 'nowhere' : `only in ${places.join(', ')}`;
  return [{ file, line, rule: 'package', detail: `the package ${name} may be imported ${where}` }];
}

/** Words that belong to the composition root, and variables that outlive a call. */
function wordViolations(module: Module): readonly Violation[] {
  return withoutComments(module.text)
    .split('\n')
    .flatMap((code, i): Violation[] => {
      const word = module.file.startsWith(processFolder) ? null : processWords.exec(code);
      const engine = module.file.startsWith(engineFolder) ? null : engineWords.exec(code);
      const state = /^(?:export )?(?:let|var) (\w+)/u.exec(code);
      const at = { file: module.file, line: i + 1 };
      return [
        ...(word === null ? [] : [{ ...at, rule: 'process' as const, detail: `${word[0]} outside ${processFolder}` }]),
        ...(engine === null ? [] : [{ ...at, rule: 'engine' as const, detail: 'a branch on the name of an engine' }]),
        ...(state === null ? [] : [{ ...at, rule: 'state' as const, detail: `${state[1]} is state of the module` }]),
      ];
    });
}

/** Circles of files, each named once, with its path. Imports of types count: they tie two files together as well. */
function cycles(modules: readonly Module[]): readonly Violation[] {
  const byFile = new Map(modules.map((m) => [m.file, m]));
  const state = new Map<string, 'open' | 'done'>();
  const path: string[] = [];
  const found: Violation[] = [];
  const visit = (file: string): void => {
    state.set(file, 'open');
    path.push(file);
    for (const { specifier, line } of byFile.get(file)!.imports) {
      if (!specifier.startsWith('.')) continue;
      const next = target(file, specifier);
      if (!byFile.has(next)) continue;
      if (state.get(next) === 'open') {
        const circle = [...path.slice(path.indexOf(next)), next];
        found.push({ file, line, rule: 'cycle', detail: circle.join(' → ') });
      } else if (state.get(next) === undefined) visit(next);
    }
    path.pop();
    state.set(file, 'done');
  };
  for (const file of byFile.keys()) if (state.get(file) === undefined) visit(file);
  return found;
}

// Built from pieces, so that this file does not find itself.
const LEFTOVER = new RegExp(`\\b(?:${['TO', 'FIX', 'XX'].map((w, i) => w + ['DO', 'ME', 'X'][i]).join('|')})\\b`, 'u');
const MACHINE_PATH = /(?<![\w.:/}$-])\/(?:home|root|Users|work|mnt)\/\w/u;

function textViolations(file: string, text: string): readonly Violation[] {
  const lines = text.replace(/\n$/u, '').split('\n').length;
  const long: readonly Violation[] =
    lines > longestFileLines
      ? [{ file, line: lines, rule: 'length', detail: `${lines} lines; at most ${longestFileLines}` }]
      : [];
  const first = (pattern: RegExp, rule: Violation['rule'], what: string): readonly Violation[] => {
    const match = pattern.exec(text);
    return match === null ? [] : [{ file, line: lineAt(text, match.index), rule, detail: `${what}: ${match[0]}` }];
  };
  return [
    ...long,
    ...first(LEFTOVER, 'leftover', 'unfinished'),
    ...first(MACHINE_PATH, 'place', 'a place of one machine'),
  ];
}

/** Folders that, by the table, may import each other in a circle; a table with one is no order. */
export function circleOfLayers(table: Layers): readonly string[] | undefined {
  const visit = (layer: string, path: readonly string[]): readonly string[] | undefined => {
    if (path.includes(layer)) return [...path.slice(path.indexOf(layer)), layer];
    for (const next of table[layer] ?? []) {
      // A single file stands for itself, not for its folder.
      if (next.includes('/')) continue;
      const circle = visit(next, [...path, layer]);
      if (circle !== undefined) return circle;
    }
    return undefined;
  };
  for (const layer of Object.keys(table)) {
    const circle = visit(layer, []);
    if (circle !== undefined) return circle;
  }
  return undefined;
}

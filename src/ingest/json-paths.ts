import { SparkifyError } from '../core/errors.ts';

/** A name leads into an object, a number into an array (from 0). */
export type PathStep = string | number;

/**
 * Reads a jsonpaths file, `{"jsonpaths": ["$['artist']", "$.a.b", "$['x'][0]"]}`: one path per column, by position.
 * @throws JSONPATHS_INVALID when it is no such file, a path is not understood or their number is not `columns`
 */
export function parseJsonPaths(text: string, file: string, columns: number): readonly (readonly PathStep[])[] {
  const invalid = (detail: string, cause?: unknown) =>
    new SparkifyError('JSONPATHS_INVALID', { file, detail }, cause === undefined ? {} : { cause });
  let content: unknown;
  try {
    content = JSON.parse(text.replace(/^\uFEFF/, ''));
  } catch (error) {
    throw invalid('it is no JSON', error);
  }
  const paths = (content as { jsonpaths?: unknown } | null)?.jsonpaths;
  if (!Array.isArray(paths)) throw invalid('it has no array "jsonpaths"');
  if (paths.length !== columns) throw invalid(`it has ${paths.length} paths for ${columns} columns`);
  return paths.map((path: unknown) => {
    const steps = typeof path === 'string' ? pathSteps(path.trim()) : undefined;
    if (steps === undefined) throw invalid(`the path ${JSON.stringify(path)} is not understood`);
    return steps;
  });
}

const STEP = /\.([^.[\]'"\s]+)|\[\s*(\d+)\s*\]|\[\s*'((?:[^'\\]|\\.)*)'\s*\]|\[\s*"((?:[^"\\]|\\.)*)"\s*\]/uy;

/** The steps of one path; undefined when it is not of the understood form, or leads nowhere but to the record itself. */
function pathSteps(path: string): readonly PathStep[] | undefined {
  if (!path.startsWith('$')) return undefined;
  const steps: PathStep[] = [];
  STEP.lastIndex = 1;
  while (STEP.lastIndex < path.length) {
    const match = STEP.exec(path);
    if (match === null) return undefined;
    const quoted = match[3] ?? match[4];
    if (match[2] !== undefined) steps.push(Number(match[2]));
    else steps.push(match[1] ?? (quoted as string).replace(/\\(.)/gu, '$1'));
  }
  return steps.length === 0 || typeof steps[0] === 'number' ? undefined : steps;
}

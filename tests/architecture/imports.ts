/** One reference from a module to another. */
export interface Import {
  readonly specifier: string;
  /** From 1: where the statement begins. */
  readonly line: number;
}

/** `import … from`, `export … from` and `import '…'` begin a line in formatted code; braces may span lines. */
const STATEMENT = /^(?:import|export)\s+(?:type\s+)?(?:[\w*${}\s,]+?\s+from\s+)?(['"])(?<specifier>[^'"\n]+)\1/gmu;

/** `import('…')`, of values and of types. */
const CALL = /\bimport\(\s*(['"])(?<specifier>[^'"\n]+)\1/gu;

/** The modules a formatted TypeScript or JavaScript file refers to; comments do not count. */
export function importsOf(text: string): readonly Import[] {
  const code = withoutComments(text);
  const found: Import[] = [];
  for (const pattern of [STATEMENT, CALL]) {
    for (const match of code.matchAll(pattern))
      found.push({ specifier: match.groups!.specifier!, line: lineAt(code, match.index) });
  }
  return found.sort((a, b) => a.line - b.line);
}

/**
 * The text with the comments blanked, lines and columns kept. Only comments that have a line to themselves or follow
 * code after a space: that is how formatted code writes them, and `//` in a text or URL is none.
 */
export function withoutComments(text: string): string {
  const blank = (comment: string): string => comment.replace(/[^\n]/gu, ' ');
  return text
    .replace(/^[ \t]*\/\*[\s\S]*?\*\//gmu, blank)
    .replace(/^[ \t]*\/\/.*$/gmu, blank)
    .replace(/(?<=[;,{}()] )\/\/ .*$/gmu, blank);
}

export function lineAt(text: string, index: number): number {
  return text.slice(0, index).split('\n').length;
}

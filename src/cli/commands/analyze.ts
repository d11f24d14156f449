import { isDeepStrictEqual } from 'node:util';
import { SparkifyError } from '../../core/errors.ts';
import type { Analysis } from '../../pipeline/check.ts';
import type { ResultBatch, SqlSession } from '../../warehouse/session.ts';
import { renderBars } from '../bars.ts';
import { type CliContext, line } from '../context.ts';
import { type FormatFlags, formatOf } from '../format-option.ts';
import { readJsonFile } from '../json-file.ts';
import { type Format, jsonText, writeJsonArray, writeResult } from '../output.ts';
import { withPlaceholders } from '../parameters.ts';
import { openProject, type ProjectFlags, parameterSources, pipelineOf } from '../project.ts';
import { enterStar } from '../star-schema.ts';
import { nameFix } from '../suggest.ts';
import { renderTable } from '../table.ts';
import { rowJson } from '../values.ts';
import { withWarehouse } from '../warehouse-access.ts';

export interface AnalyzeOptions extends ProjectFlags, FormatFlags {
  readonly pipeline?: string;
  readonly set?: Readonly<Record<string, string>>;
  readonly expect?: string | true;
}

/** `sparkify analyze`: the list of analyses, one of them, or all; with `--expect` compared with what is expected. */
export async function analyze(context: CliContext, options: AnalyzeOptions, name?: string): Promise<number> {
  const format = formatOf(options);
  const project = await openProject(context, options);
  const pipeline = pipelineOf(project, options.pipeline);
  const resolved = withPlaceholders(pipeline, parameterSources(context, project, pipeline, options.set));
  if (name === undefined && options.expect === undefined) {
    await listAnalyses(context, resolved.analyses, format);
    return 0;
  }
  const chosen = chooseAnalyses(resolved.analyses, name ?? 'all');
  const expected =
    options.expect === undefined
      ? undefined
      : options.expect === true
        ? declared(chosen)
        : fromFile(await readJsonFile(context.cwd, options.expect, 'file of expected rows'), {
            file: options.expect,
            chosen,
            known: resolved.analyses.map((a) => a.name),
          });
  return withWarehouse(context, project, { readOnly: true }, (warehouse) =>
    warehouse.read(async (session) => {
      await enterStar(warehouse, session, resolved);
      if (expected !== undefined) return compareAll(context, session, chosen, expected, format);
      if (format === 'table') for (const a of chosen) await showAnalysis(context, session, a);
      else if (name !== 'all')
        await writeResult(session.stream(chosen[0]!.sql), format, context.out, context.outColors);
      else await writeAll(context, session, chosen);
      return 0;
    }),
  );
}

async function listAnalyses(context: CliContext, analyses: readonly Analysis[], format: Format): Promise<void> {
  if (format !== 'table')
    return writeJsonArray(
      context.out,
      analyses.map(({ name, title }) => ({ name, title })),
    );
  const rows = analyses.map((a) => [a.name, a.title]);
  const lines = renderTable([{ title: 'analysis' }, { title: 'answers' }], rows, context.outColors);
  await line(context.out, lines.join('\n'));
  await line(context.err, context.errColors.dim('sparkify analyze NAME runs one, sparkify analyze all runs them all'));
}

function chooseAnalyses(analyses: readonly Analysis[], name: string): readonly Analysis[] {
  if (name === 'all') return analyses;
  const found = analyses.find((a) => a.name === name);
  if (found !== undefined) return [found];
  throw new SparkifyError('USAGE', {
    detail: `There is no analysis "${name}".`,
    fix: nameFix(
      name,
      analyses.map((a) => a.name),
      'The pipeline declares none; add `analyses` to it.',
    ),
  });
}

/** Title, and bars where the analysis asks for them, else a table. */
export async function showAnalysis(context: CliContext, session: SqlSession, analysis: Analysis): Promise<void> {
  const c = context.outColors;
  await line(context.out, c.bold(analysis.title));
  const { bars } = analysis;
  if (bars === undefined) {
    await writeResult(session.stream(analysis.sql), 'table', context.out, c);
  } else {
    const rows = await session.all<Record<string, unknown>>(analysis.sql);
    const items = rows.map((r) => ({ label: labelOf(r, bars.label), value: Number(r[bars.value]) }));
    const lines = renderBars(items, { width: Math.min(context.columns, 110), color: c.cyan });
    await line(context.out, lines.length === 0 ? c.dim('no rows') : lines.join('\n'));
  }
  await line(context.out);
}

/** Songs are told apart by their artist, users by their name. */
function labelOf(row: Readonly<Record<string, unknown>>, column: string): string {
  const label = row[column] === null ? '(none)' : String(row[column]);
  if (column === 'song' && typeof row.artist === 'string') return `${label} · ${row.artist}`;
  const name = [row.first_name, row.last_name].filter((n) => typeof n === 'string').join(' ');
  return column === 'user_id' && name !== '' ? `${label} · ${name}` : label;
}

async function writeAll(context: CliContext, session: SqlSession, analyses: readonly Analysis[]): Promise<void> {
  let first = true;
  for (const a of analyses) {
    const rows: string[] = [];
    for await (const batch of session.stream(a.sql))
      for (const row of batch.rows) rows.push(rowJson(row, batch.columns));
    await context.out.write(`${first ? '{' : ','}\n${JSON.stringify(a.name)}:[${rows.join(',')}]`);
    first = false;
  }
  await context.out.write(first ? '{}\n' : '\n}\n');
}

type Expected = ReadonlyMap<string, readonly unknown[]>;

function declared(analyses: readonly Analysis[]): Expected {
  return new Map(analyses.flatMap((a) => (a.expected === undefined ? [] : [[a.name, a.expected] as const])));
}

/** What `analyze all --json` prints, or for one analysis what `analyze NAME --json` does. */
function fromFile(
  content: unknown,
  { file, chosen, known }: { readonly file: string; readonly chosen: readonly Analysis[]; readonly known: string[] },
): Expected {
  if (Array.isArray(content) && chosen.length === 1) return new Map([[chosen[0]!.name, content]]);
  const byName = Object.entries(typeof content === 'object' && !Array.isArray(content) ? (content ?? {}) : {});
  if (byName.length === 0 || !byName.every(([, rows]) => Array.isArray(rows)))
    throw new SparkifyError('USAGE', {
      detail: `${file} holds no expected rows.`,
      fix: 'Write {"analysis": [rows]}, as `sparkify analyze all --json` prints it, or of one analysis its rows alone.',
    });
  const stranger = byName.map(([name]) => name).find((name) => !known.includes(name));
  if (stranger !== undefined)
    throw new SparkifyError('USAGE', {
      detail: `${file} expects something of an analysis "${stranger}", which there is not.`,
      fix: nameFix(stranger, known, 'The pipeline declares none; add `analyses` to it.'),
    });
  return new Map(byName as readonly (readonly [string, readonly unknown[]])[]);
}

interface Comparison {
  readonly analysis: string;
  readonly verdict: 'equal' | 'different' | 'nothing expected';
  readonly differences: readonly string[];
}

async function compareAll(
  context: CliContext,
  session: SqlSession,
  analyses: readonly Analysis[],
  expected: Expected,
  format: Format,
): Promise<number> {
  const results: Comparison[] = [];
  for (const a of analyses) {
    const wanted = expected.get(a.name);
    if (wanted === undefined) results.push({ analysis: a.name, verdict: 'nothing expected', differences: [] });
    else results.push(compare(a.name, wanted, await jsonRows(session.stream(a.sql))));
  }
  if (format === 'table') {
    const c = context.outColors;
    for (const r of results) {
      const mark = { equal: c.green('✓'), different: c.red('✗'), 'nothing expected': c.dim('·') }[r.verdict];
      await line(context.out, `${mark} ${r.analysis}: ${r.verdict}`);
      for (const d of r.differences) await line(context.out, `    ${d}`);
    }
  } else await writeJsonArray(context.out, results);
  if (results.every((r) => r.verdict === 'nothing expected'))
    throw new SparkifyError('USAGE', {
      detail: 'There is nothing to compare with.',
      fix: 'Give `expected` to the analysis, or name a file: --expect expected.json with {"analysis": [rows]}.',
    });
  return results.some((r) => r.verdict === 'different') ? 1 : 0;
}

/** Rows as they are written by `--json`, both as objects and as arrays. */
async function jsonRows(batches: AsyncIterable<ResultBatch>): Promise<readonly Record<string, unknown>[]> {
  const rows: Record<string, unknown>[] = [];
  for await (const batch of batches)
    for (const row of batch.rows) rows.push(JSON.parse(rowJson(row, batch.columns)) as Record<string, unknown>);
  return rows;
}

function compare(name: string, expected: readonly unknown[], actual: readonly Record<string, unknown>[]): Comparison {
  const differences: string[] = [];
  for (let i = 0; i < Math.max(expected.length, actual.length) && differences.length < 5; i++) {
    const wanted = expected[i];
    const found = actual[i] === undefined ? undefined : Array.isArray(wanted) ? Object.values(actual[i]!) : actual[i];
    const plain: unknown = wanted === undefined ? undefined : JSON.parse(jsonText(wanted));
    if (!isDeepStrictEqual(plain, found))
      differences.push(`row ${i + 1}: expected ${shown(plain)}, found ${shown(found)}`);
  }
  return { analysis: name, verdict: differences.length === 0 ? 'equal' : 'different', differences };
}

function shown(value: unknown): string {
  return value === undefined ? 'no row' : jsonText(value);
}

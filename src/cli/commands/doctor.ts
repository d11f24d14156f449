import { readFileSync } from 'node:fs';
import { mkdir, readdir, rm, stat, statfs, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { durationText } from '../../core/duration-text.ts';
import { isSparkifyError, toSparkifyError } from '../../core/errors.ts';
import type { ResolvedPipeline } from '../../pipeline/define.ts';
import { parseWarehouseUrl } from '../../warehouse/url.ts';
import { type CliContext, line } from '../context.ts';
import { masked } from '../error-report.ts';
import { writeJsonArray } from '../output.ts';
import { packageRoot, packageVersion } from '../package.ts';
import { withParameters } from '../parameters.ts';
import { openProject, type Project, type ProjectFlags, parameterSources } from '../project.ts';
import { openSegments } from '../segments-access.ts';
import { sourceOpener } from '../source-access.ts';
import { bytesText } from '../values.ts';
import { withWarehouse } from '../warehouse-access.ts';

export interface DoctorFlags extends ProjectFlags {
  readonly set?: Readonly<Record<string, string>>;
  readonly json?: boolean;
}

/** One thing that was looked at. */
interface Finding {
  readonly what: string;
  readonly verdict: 'ok' | 'warning' | 'wrong';
  readonly detail: string;
  readonly fix?: string;
}

const LOW_DISK_BYTES = 1_000_000_000;
const SKEW_MS = 5_000;

/** `sparkify doctor`: looks at everything a run needs; exit code 1 when something is wrong. */
export async function doctor(context: CliContext, flags: DoctorFlags): Promise<number> {
  const findings: Finding[] = [nodeFinding(), packagesFinding()];
  const project = await openProject(context, flags).catch((error: unknown) => {
    findings.push(wrong('configuration', error));
    return undefined;
  });
  if (project !== undefined) {
    findings.push(configurationFinding(project));
    findings.push(...(await warehouseFindings(context, project)));
    findings.push(...(await sourceFindings(context, project, flags.set ?? {})));
    findings.push(...(await segmentsFindings(project)));
    findings.push(...(await diskFindings(project)));
  }
  const bad = findings.some((f) => f.verdict === 'wrong');
  if (flags.json === true) await writeJsonArray(context.out, findings);
  else await print(context, findings);
  return bad ? 1 : 0;
}

function wrong(what: string, error: unknown): Finding {
  const known = toSparkifyError(error);
  return { what, verdict: 'wrong', detail: masked(known.message), fix: masked(known.remedy) };
}

function nodeFinding(): Finding {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const detail = `Node ${process.versions.node} on ${process.platform} ${process.arch}`;
  if (major > 20 || (major === 20 && minor >= 11)) return { what: 'node', verdict: 'ok', detail };
  return { what: 'node', verdict: 'wrong', detail, fix: 'Install Node 20.11 or newer.' };
}

function packagesFinding(): Finding {
  const root = packageRoot();
  const version = (name: string): string => {
    for (let folder = root; ; folder = dirname(folder)) {
      try {
        const text = readFileSync(join(folder, 'node_modules', name, 'package.json'), 'utf8');
        return `${name} ${(JSON.parse(text) as { version: string }).version}`;
      } catch {
        if (dirname(folder) === folder) return `${name} missing`;
      }
    }
  };
  const versions = ['@duckdb/node-api', 'pg', '@aws-sdk/client-s3'].map(version);
  const detail = [`sparkify ${packageVersion()}`, ...versions].join(', ');
  if (!detail.includes('missing')) return { what: 'packages', verdict: 'ok', detail };
  return { what: 'packages', verdict: 'wrong', detail, fix: 'Run npm install in the folder of sparkify.' };
}

function configurationFinding(project: Project): Finding {
  const names = project.pipelines.map((p) => p.name).join(', ');
  const file = project.configFile ?? 'no sparkify.config.ts from here upwards, so the defaults hold';
  return { what: 'configuration', verdict: 'ok', detail: `${file}; pipelines: ${names}` };
}

async function warehouseFindings(context: CliContext, project: Project): Promise<readonly Finding[]> {
  const what = 'warehouse';
  try {
    const parsed = parseWarehouseUrl(project.warehouseUrl, project.directory);
    if (parsed.engine === 'duckdb' && (await stat(parsed.path).catch(() => undefined)) === undefined) {
      return [{ what, verdict: 'ok', detail: `${parsed.path} will be created by the first run` }];
    }
    return await withWarehouse(context, project, { readOnly: true }, (warehouse) =>
      warehouse.read(async (session) => {
        const before = Date.now();
        const [row] = await session.all<{ version: string; now_ms: number }>(
          'select version() as version, cast(extract(epoch from now()) * 1000 as bigint) as now_ms',
        );
        const skew = row!.now_ms - (before + Date.now()) / 2;
        const from = `from the ${project.warehouseFrom === 'default' ? 'default' : project.warehouseFrom}`;
        const detail = `${warehouse.url} (${from}), ${row!.version.split(' on ')[0]}`;
        return [
          { what, verdict: 'ok', detail } as const,
          clockFinding('clock of the warehouse', skew),
          ...(await privilegeFindings(warehouse.capabilities.embedded, session)),
        ];
      }),
    );
  } catch (error) {
    const busy = isSparkifyError(error) && error.code === 'WAREHOUSE_BUSY';
    return [{ ...wrong(what, error), verdict: busy ? 'warning' : 'wrong' }];
  }
}

async function privilegeFindings(
  embedded: boolean,
  session: { all<T extends object>(sql: string): Promise<readonly T[]> },
): Promise<readonly Finding[]> {
  if (embedded) return [];
  const [row] = await session.all<{ may: boolean; who: string; name: string }>(
    "select has_database_privilege(current_database(), 'create') as may, current_user as who, current_database() as name",
  );
  const detail = `${row!.who} ${row!.may ? 'may' : 'may not'} create schemas in ${row!.name}`;
  if (row!.may) return [{ what: 'privileges', verdict: 'ok', detail }];
  const fix = `As an owner: grant create on database "${row!.name}" to "${row!.who}"`;
  return [{ what: 'privileges', verdict: 'warning', detail, fix }];
}

function clockFinding(what: string, skewMs: number): Finding {
  const size = durationText(Math.abs(skewMs));
  const detail = Math.abs(skewMs) < 1000 ? 'in step with this machine' : `${size} ${skewMs > 0 ? 'ahead' : 'behind'}`;
  if (Math.abs(skewMs) <= SKEW_MS) return { what, verdict: 'ok', detail };
  return {
    what,
    verdict: 'warning',
    detail,
    fix: 'Set both clocks by NTP; S3 refuses requests that are 15 minutes off.',
  };
}

async function sourceFindings(
  context: CliContext,
  project: Project,
  set: Readonly<Record<string, string>>,
): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  for (const declared of project.pipelines) {
    // The built-in pipeline is no matter of a project that has its own and says nothing about it.
    if (declared.name === 'sparkify' && project.pipelines.length > 1 && project.params.sparkify === undefined) continue;
    const own = Object.fromEntries(Object.entries(set).filter(([name]) => name in declared.params.shape));
    let pipeline: ResolvedPipeline;
    try {
      pipeline = withParameters(declared, parameterSources(context, project, declared, own));
    } catch (error) {
      const unset = isSparkifyError(error) && error.code === 'PARAMETER_INVALID';
      findings.push({ ...wrong(`pipeline ${declared.name}`, error), verdict: unset ? 'warning' : 'wrong' });
      continue;
    }
    for (const staging of pipeline.stagings) findings.push(await sourceFinding(context, project, staging));
  }
  return findings;
}

async function sourceFinding(
  context: CliContext,
  project: Project,
  staging: ResolvedPipeline['stagings'][number],
): Promise<Finding> {
  const what = `source of ${staging.name}`;
  try {
    const source = await sourceOpener(project)(staging.root);
    try {
      const { template, endings } = staging;
      const listing = await source.list({
        endings,
        signal: context.signal,
        ...(template === undefined ? {} : { template }),
      });
      const size = listing.objects.reduce((sum, o) => sum + o.sizeBytes, 0);
      const skipped = listing.skipped.length === 0 ? '' : `, ${listing.skipped.length} keys skipped`;
      const detail = `${masked(listing.root)}: ${listing.objects.length} objects, ${bytesText(size)}${skipped}`;
      if (listing.objects.length > 0) return { what, verdict: 'ok', detail };
      return {
        what,
        verdict: 'warning',
        detail,
        fix: `Check the path and its layout${template === undefined ? '' : ` (${template})`}.`,
      };
    } finally {
      await source.close();
    }
  } catch (error) {
    return wrong(what, error);
  }
}

/** A bucket is tried out; a folder is what `disk` looks at. */
async function segmentsFindings(project: Project): Promise<readonly Finding[]> {
  const { bucketUrl, directory } = project.segments;
  if (bucketUrl === undefined) return [];
  const what = 'segments';
  const segments = await openSegments(project);
  try {
    await segments.check();
    const detail = `${segments.shown} can be written, listed, read and cleared; this machine's copies lie in ${directory}`;
    return [{ what, verdict: 'ok', detail }];
  } catch (error) {
    return [wrong(what, error)];
  } finally {
    await segments.close();
  }
}

async function diskFindings(project: Project): Promise<readonly Finding[]> {
  const folder = await nearestFolder(dataFolder(project));
  const probe = join(folder, `.sparkify-doctor-${process.pid}`);
  try {
    const before = Date.now();
    await mkdir(probe);
    await writeFile(join(probe, 'probe'), 'x');
    await readdir(probe);
    const { mtimeMs } = await stat(join(probe, 'probe'));
    const skew = mtimeMs > Date.now() ? mtimeMs - Date.now() : mtimeMs < before ? mtimeMs - before : 0;
    const { bavail, bsize } = await statfs(folder);
    const free = bavail * bsize;
    const detail = `${bytesText(free)} free at ${folder}`;
    const disk: Finding =
      free >= LOW_DISK_BYTES
        ? { what: 'disk', verdict: 'ok', detail }
        : { what: 'disk', verdict: 'warning', detail, fix: 'Free some space, or place the warehouse on another disk.' };
    return [disk, clockFinding('clock of the file system', skew)];
  } catch (error) {
    return [
      {
        what: 'disk',
        verdict: 'wrong',
        detail: `${folder} cannot be written: ${error instanceof Error ? error.message : String(error)}`,
        fix: 'Make it writable for this user, or name another place with --warehouse.',
      },
    ];
  } finally {
    await rm(probe, { recursive: true, force: true });
  }
}

/** Where a run writes: beside an embedded file, else where the segments lie, whatever else is said of the warehouse. */
function dataFolder(project: Project): string {
  try {
    const parsed = parseWarehouseUrl(project.warehouseUrl, project.directory);
    if (parsed.engine === 'duckdb') return dirname(parsed.path);
  } catch {
    // That the URL is wrong has been found already.
  }
  return project.segments.directory;
}

async function nearestFolder(path: string): Promise<string> {
  for (let folder = path; ; folder = dirname(folder)) {
    const found = await stat(folder).catch(() => undefined);
    if (found?.isDirectory() === true || dirname(folder) === folder) return folder;
  }
}

async function print(context: CliContext, findings: readonly Finding[]): Promise<void> {
  const c = context.outColors;
  for (const f of findings) {
    const mark = { ok: c.green('✓'), warning: c.yellow('!'), wrong: c.red('✗') }[f.verdict];
    await line(context.out, `${mark} ${c.bold(f.what)}  ${f.detail}`);
    if (f.fix !== undefined) await line(context.out, `    ${c.dim('fix:')} ${f.fix}`);
  }
}

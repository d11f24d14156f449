import { entry } from './entry.ts';

/** Sources, ledger and runs, lineage, simulator, ingest. */
export const dataErrors = {
  // sources
  SOURCE_URL_INVALID: entry<{ url: string; detail: string }>(
    2,
    (p) => `"${p.url}" names no source: ${p.detail}`,
    () => 'Write a folder (path or file:///path) or s3://bucket/prefix.',
  ),
  SOURCE_NOT_FOUND: entry<{ source: string; detail: string; fix?: string }>(
    4,
    (p) => `${p.source} is not there: ${p.detail}`,
    (p) => p.fix ?? 'Check the name for a typo, and that the data has been delivered.',
    { retryable: false },
  ),
  SOURCE_ACCESS_DENIED: entry<{ source: string; action: string; detail: string; fix?: string }>(
    4,
    (p) => `${p.source} may not be ${p.action}: ${p.detail}`,
    (p) =>
      p.fix ?? 'Grant s3:ListBucket and s3:GetObject (for versions s3:ListBucketVersions and s3:GetObjectVersion).',
    { retryable: false },
  ),
  SOURCE_CREDENTIALS: entry<{ source: string; detail: string; fix: string }>(
    4,
    (p) => `${p.source} cannot be opened with these credentials: ${p.detail}`,
    (p) => p.fix,
    { retryable: false },
  ),
  SOURCE_UNREACHABLE: entry<{ source: string; detail: string; fix?: string }>(
    4,
    (p) => `${p.source} cannot be reached: ${p.detail}`,
    (p) => p.fix ?? 'Check the endpoint, the network and the proxy; the run can be repeated at any time.',
  ),
  SOURCE_UNREADABLE: entry<{ object: string; detail: string; fix?: string }>(
    4,
    (p) => `${p.object} cannot be read: ${p.detail}`,
    (p) => p.fix ?? 'Check its permissions and that it is whole; nothing was published without it.',
  ),
  SOURCE_CHANGED: entry<{ object: string; detail: string }>(
    1,
    (p) => `${p.object} changed while it was being read: ${p.detail}`,
    () => 'Run it again when whatever writes it has finished.',
    { retryable: true },
  ),
  // ledger and runs
  LEDGER_NEWER: entry<{ found: number; known: number }>(
    3,
    (p) => `The ledger has format ${p.found}; this version knows up to ${p.known}.`,
    () => 'Use the newer sparkify that wrote it.',
  ),
  DEFINITION_CHANGED: entry<{ pipeline: string; differences: readonly string[] }>(
    1,
    (p) => `The definition of pipeline ${p.pipeline} changed since its last publish: ${p.differences.join('; ')}`,
    (p) => `Take the change back, or rebuild the star under it: sparkify run ${p.pipeline} --rebuild`,
  ),
  SEGMENTS_LACK: entry<{ detail: string }>(
    1,
    (p) => `The segments cannot serve this definition: ${p.detail}`,
    () => 'Read the objects again: run --rebuild --from-sources',
  ),
  CHECKS_FAILED: entry<{ failed: readonly string[] }>(
    1,
    (p) =>
      `Not published: ${p.failed.length} ${p.failed.length === 1 ? 'check' : 'checks'} failed: ${p.failed.join(', ')}`,
    () =>
      'The star is as it was. `sparkify check` shows expected and actual values with sample rows; correct the data or the check and run again.',
  ),
  QUARANTINE_SHARE: entry<{ objects: readonly string[]; share: number }>(
    1,
    (p) => `Not published: more than ${p.share * 100} % of the records are in quarantine in ${p.objects.join(', ')}`,
    () => 'See `sparkify quarantine list`; correct the source, or raise `maxQuarantineShare` of the staging.',
  ),
  OBJECTS_MISSING: entry<{ staging: string; periods: readonly string[] }>(
    1,
    (p) => `${p.staging}: no object for ${p.periods.join(', ')}, and the source says that is a failure.`,
    () => 'Deliver the objects, or declare `onMissing: "empty"`.',
    { retryable: true },
  ),
  PRUNE_REFUSED: entry<{ staging: string; gone: number; known: number; listed: number }>(
    1,
    (p) => `${p.staging}: --prune would retract ${p.gone} of ${p.known} known objects (${p.listed} listed).`,
    () => 'A listing that lost so much is more likely wrong than right. If it is right, add --yes-all.',
  ),
  SUPERSEDED: entry<{ pipeline: string; expected: number; found: number }>(
    1,
    (p) => `Another run of ${p.pipeline} published in between (epoch ${p.found}, this one began at ${p.expected}).`,
    () => 'Run it again: it starts from the star as it is now.',
    { retryable: true },
  ),
  STAR_DIFFERS: entry<{ table: string; detail: string }>(
    1,
    (p) => `Table ${p.table} is not as the last publish left it: ${p.detail}`,
    (p) => `Something else wrote to ${p.table}. Rebuild the star: sparkify run PIPELINE --rebuild`,
  ),
  SEGMENT_LOST: entry<{ path: string; store: string }>(
    1,
    (p) => `The segment ${p.path} is not in ${p.store}, but the ledger counts on it.`,
    () =>
      'Bring it back there, from a version of the bucket or a copy, or read the objects again: run --rebuild --from-sources',
  ),
  SEGMENT_DAMAGED: entry<{ path: string; store: string; detail: string }>(
    1,
    (p) => `The segment ${p.path} in ${p.store} is not the one that was written: ${p.detail}`,
    () =>
      'Bring the right one back there, from a version of the bucket or a copy, or read the objects again: run --rebuild --from-sources',
  ),
  SEGMENTS_REFUSED: entry<{ store: string; detail: string; fix: string }>(
    4,
    (p) => `Segments cannot be kept in ${p.store}: ${p.detail}`,
    (p) => p.fix,
    { retryable: false },
  ),
  SEGMENTS_TAKEN: entry<{ store: string; owner: string; object: string }>(
    3,
    (p) => `The segments in ${p.store} are those of another warehouse: ${p.owner}`,
    (p) =>
      `Give this warehouse a prefix of its own in \`segments\`. If it is the same one, moved or brought back from a backup, delete the object \`${p.object}\` there.`,
  ),
  SEGMENTS_UNREACHABLE: entry<{ store: string; detail: string; fix: string }>(
    4,
    (p) => `The segments in ${p.store} cannot be reached: ${p.detail}`,
    (p) => p.fix,
  ),
  // lineage and quarantine
  TRACE_UNKNOWN: entry<{ detail: string; fix: string }>(
    2,
    (p) => p.detail,
    (p) => p.fix,
  ),
  QUARANTINE_UNKNOWN: entry<{ ids: readonly number[]; pipeline: string }>(
    2,
    (p) => `There is no quarantined record ${p.ids.join(', ')} of pipeline ${p.pipeline}.`,
    () => '`sparkify quarantine list` shows them with their numbers.',
  ),
  QUARANTINE_SETTLED: entry<{ id: number; state: string; action: string }>(
    1,
    (p) => `The quarantined record ${p.id} cannot be ${p.action}: it is already ${p.state}.`,
    (p) => `See \`sparkify quarantine show ${p.id}\`.`,
  ),
  CORRECTION_INVALID: entry<{ id: number; problems: readonly string[] }>(
    1,
    (p) => `The new text for record ${p.id} cannot be taken: ${p.problems.join('; ')}`,
    () => 'Write it as one complete record of its source, with every required field.',
  ),
  // simulator
  SIMULATION_INVALID: entry<{ detail: string }>(
    2,
    (p) => `The simulation cannot be made: ${p.detail}`,
    () => 'docs/simulator.md lists every knob and every kind of defect with its default.',
  ),
  // ingest
  JSONPATHS_INVALID: entry<{ file: string; detail: string }>(
    3,
    (p) => `The jsonpaths file ${p.file} cannot be used: ${p.detail}`,
    () => 'Write {"jsonpaths": ["$[\'field\']", …]} with one path per column of the staging table, in their order.',
  ),
  INGEST_MISMATCH: entry<{ object: string; expected: number; found: number }>(
    1,
    (p) => `${p.object}: ${p.expected} records were certified, but ${p.found} were converted. Nothing of it is staged.`,
    () => 'Run it again. If it happens again, please report it with the object: two readers disagree about it.',
  ),
  DISK_FULL_AHEAD: entry<{ directory: string; neededBytes: number; freeBytes: number }>(
    1,
    (p) =>
      `Reading needs about ${Math.ceil(p.neededBytes / 1e6)} MB in ${p.directory}; ${Math.ceil((p.neededBytes - p.freeBytes) / 1e6)} MB are missing.`,
    () => 'Free some space, or place the warehouse on a larger disk. Nothing was read.',
    { retryable: true },
  ),
} as const;

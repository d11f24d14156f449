import { SparkifyError } from '../core/errors.ts';
import { literal } from '../core/quoting.ts';
import { ledger } from '../ledger/transaction.ts';
import type { Staging } from '../pipeline/tables.ts';
import { losersTable } from '../star/names.ts';
import { recordSet, recordsSql } from '../star/records.ts';
import type { Standing } from '../star/standing.ts';
import { type KeyPart, keyCondition, parseKey } from './key.ts';
import { type ReadVersion, recordAt, type SourceRecord, sourceRecords } from './records.ts';
import type { TracedRecord } from './traced-record.ts';

const PLACE = ['object', 'row'] as const;

/** Which records of a staging a key names. */
export function stagedKey(staging: Staging, text: string): readonly KeyPart[] {
  return parseKey(
    staging.name,
    text,
    PLACE,
    staging.columns.map((c) => c.name),
  );
}

/** Records of a staging, by their place in an object or by values, each with what became of it. */
export async function traceStaged(
  standing: Standing,
  staging: Staging,
  key: readonly KeyPart[],
  limit: number,
  readVersion: ReadVersion,
): Promise<{ readonly records: readonly TracedRecord[]; readonly notes: readonly string[] }> {
  const byPlace = PLACE.every((p) => key.some((k) => k.column === p));
  const found = byPlace
    ? await atPlace(standing, staging, key, readVersion)
    : await withValues(standing, staging, key, limit + 1, readVersion);
  const records: TracedRecord[] = [];
  for (const r of found.slice(0, limit)) {
    records.push({ ...r, role: 'staged', gives: [], fate: await fateOf(standing, staging, r) });
  }
  return { records, notes: found.length > limit ? [`There are more; shown are the first ${limit}.`] : [] };
}

async function atPlace(
  standing: Standing,
  staging: Staging,
  key: readonly KeyPart[],
  readVersion: ReadVersion,
): Promise<readonly SourceRecord[]> {
  const number = (name: string): number => {
    const value = key.find((k) => k.column === name)!.value;
    if (/^\d{1,15}$/.test(value)) return Number(value);
    throw new SparkifyError('TRACE_UNKNOWN', {
      detail: `"${value}" is no ${name} of ${staging.name}.`,
      fix: 'Write object,row: the number of the object in the ledger and of the record in it, from 0; or column=value.',
    });
  };
  const [objectId, row] = [number('object'), number('row')];
  const [object] = await standing.session.all<{
    path: string;
    size_bytes: number;
    first_row: number;
    records_staged: number;
  }>(
    `select s.path, s.size_bytes, o.first_row, o.records_staged from ${ledger('objects')} o join ${ledger('segments')} s on s.segment_id = o.segment_id
     where o.pipeline = ${literal(standing.pipeline.name)} and o.staging = ${literal(staging.name)} and o.object_id = ${objectId}`,
  );
  if (object === undefined || row >= object.records_staged) {
    throw new SparkifyError('TRACE_UNKNOWN', {
      detail:
        object === undefined
          ? `${staging.name} has no object ${objectId}.`
          : `Object ${objectId} of ${staging.name} has ${object.records_staged} records, none with the number ${row}.`,
      fix: '`sparkify ledger` lists the objects; records count from 0.',
    });
  }
  await standing.segments.bring([{ path: object.path, sizeBytes: object.size_bytes }]);
  const record = recordAt(standing, staging, object.path, object.first_row + row);
  return sourceRecords(standing, staging, record, 'r._row', 1, readVersion);
}

async function withValues(
  standing: Standing,
  staging: Staging,
  key: readonly KeyPart[],
  limit: number,
  readVersion: ReadVersion,
): Promise<readonly SourceRecord[]> {
  const known = `o.pipeline = ${literal(standing.pipeline.name)} and o.state in ('live', 'staged')`;
  // Coverage does not matter here, so the staging is taken for one without time.
  const { eventTime: _, ...timeless } = staging;
  const set = await recordSet(standing, timeless, known, []);
  const records = `select r.* from (${recordsSql({ ...set, staging }, { identity: true })}) r where ${keyCondition(staging, key, 'r')}`;
  const found = await sourceRecords(standing, staging, records, 'r._object, r._row', limit, readVersion);
  if (found.length > 0) return found;
  throw new SparkifyError('TRACE_UNKNOWN', {
    detail: `${staging.name} has no record with ${key.map((k) => `${k.column} = ${k.value}`).join(' and ')}.`,
    fix: 'Write object,row as `sparkify ledger` numbers the objects, or column=value of its columns.',
  });
}

async function fateOf(standing: Standing, staging: Staging, record: SourceRecord): Promise<string> {
  if (record.state !== 'live') return `its object version is ${record.state}, so it is not in the star`;
  const time = staging.eventTime === undefined ? undefined : Number(record.record[staging.eventTime]);
  if (time !== undefined && !standing.coverage.some((c) => c.startMs <= time && time < c.endMs))
    return 'outside the published coverage';
  const [lost] = await standing.session.all(
    `select 1 as one from ${losersTable(standing.pipeline.name)} where staging = ${literal(staging.name)} and _object = ${record.objectId} and _row = ${record.row}`,
  );
  return lost === undefined ? 'in force' : 'lost to another record of the same key';
}

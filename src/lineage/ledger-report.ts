import { literal } from '../core/quoting.ts';
import type { ObjectState } from '../ledger/objects.ts';
import { ledger } from '../ledger/transaction.ts';
import type { Fact, Staging } from '../pipeline/tables.ts';
import { losersTable } from '../star/names.ts';
import { recordsSql, withObjects } from '../star/records.ts';
import { type Standing, standingRecords } from '../star/standing.ts';

/** Where the records of one object version, or of several, went: read = staged + quarantined, staged = the other four. */
export interface RecordSums {
  readonly read: number;
  readonly staged: number;
  readonly quarantined: number;
  /** The winner of a fact's row; in a staging without a fact, every winner. */
  readonly loaded: number;
  /** In force, but of no fact (not NextSong). */
  readonly filtered: number;
  /** Not in C, or the version is not in V. */
  readonly outside: number;
  /** Lost to another record of the same key. */
  readonly duplicated: number;
}

export interface ReportedObject extends RecordSums {
  readonly objectId: number;
  readonly staging: string;
  readonly uri: string;
  readonly version: string;
  readonly state: ObjectState;
  /** JSON text `{"unknown": {FIELD: records}, "missing": {FIELD: records}}`; null without any. */
  readonly drift: string | null;
}

export interface StagingTotals extends RecordSums {
  readonly staging: string;
  readonly objects: number;
}

export interface LedgerReport {
  /** Every object version the ledger knows, by staging, uri and age. */
  readonly objects: readonly ReportedObject[];
  /** Over the live versions, per staging. */
  readonly live: readonly StagingTotals[];
  /** Over the live versions of all stagings. */
  readonly total: RecordSums & { readonly objects: number };
}

interface KnownRow {
  readonly object_id: number;
  readonly uri: string;
  readonly version: string;
  readonly state: ObjectState;
  readonly r: number;
  readonly s: number;
  readonly q: number;
  readonly drift: string | null;
}

interface Counted {
  readonly _object: number;
  readonly inside: number;
  readonly lost: number;
  readonly passing: number;
}

/** The accounting of every object version against the star of the moment; one scan of the segments per staging. */
export async function ledgerReport(standing: Standing): Promise<LedgerReport> {
  const objects: ReportedObject[] = [];
  for (const staging of standing.pipeline.stagings) {
    const counts = new Map((await countLive(standing, staging)).map((c) => [c._object, c]));
    const known = await standing.session.all<KnownRow>(
      `select object_id, uri, version, state, records_read as r, records_staged as s, records_quarantined as q, drift from ${ledger('objects')}
       where pipeline = ${literal(standing.pipeline.name)} and staging = ${literal(staging.name)} order by uri, object_id`,
    );
    for (const k of known) objects.push(accountOf(staging, k, counts.get(k.object_id)));
  }
  const live = standing.pipeline.stagings.map((s) => {
    const own = objects.filter((o) => o.staging === s.name && o.state === 'live');
    return { staging: s.name, objects: own.length, ...sumOf(own) };
  });
  const total = { objects: live.reduce((n, t) => n + t.objects, 0), ...sumOf(live) };
  return { objects, live, total };
}

function accountOf(staging: Staging, k: KnownRow, count: Counted | undefined): ReportedObject {
  const { inside, lost, passing } = count ?? { inside: 0, lost: 0, passing: 0 };
  return {
    objectId: k.object_id,
    staging: staging.name,
    uri: k.uri,
    version: k.version,
    state: k.state,
    drift: k.drift,
    read: k.r,
    staged: k.s,
    quarantined: k.q,
    loaded: passing,
    filtered: inside - lost - passing,
    outside: k.s - inside,
    duplicated: lost,
  };
}

function sumOf(parts: readonly RecordSums[]): RecordSums {
  const sum = (of: (p: RecordSums) => number): number => parts.reduce((n, p) => n + of(p), 0);
  return {
    read: sum((p) => p.read),
    staged: sum((p) => p.staged),
    quarantined: sum((p) => p.quarantined),
    loaded: sum((p) => p.loaded),
    filtered: sum((p) => p.filtered),
    outside: sum((p) => p.outside),
    duplicated: sum((p) => p.duplicated),
  };
}

/** Per live object: records within C, those of them that lost, and winners that are a fact's. */
async function countLive(standing: Standing, staging: Staging): Promise<readonly Counted[]> {
  const { session, pipeline } = standing;
  const set = await standingRecords(standing, staging);
  const facts = pipeline.tables.filter((t): t is Fact => t.kind === 'fact' && t.from === staging);
  const passes = facts.some((f) => f.where === undefined) || facts.length === 0 ? [] : facts.map((f) => `(${f.where})`);
  const passing = passes.length === 0 ? 'true' : passes.join(' or ');
  const records = `select r._f, r._r, coalesce(${passing}, false) as _passes from (${recordsSql(set, { identity: true })}) r`;
  const losers = `select _object, _row from ${losersTable(pipeline.name)} where staging = ${literal(staging.name)}`;
  return session.all<Counted>(
    `select w._object, count(*) as inside, count(l._object) as lost,
       sum(case when w._passes and l._object is null then 1 else 0 end)::bigint as passing
     from (${withObjects(standing, records)}) w left join (${losers}) l on l._object = w._object and l._row = w._row
     group by w._object`,
  );
}

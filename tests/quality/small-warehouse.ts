import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { noFailpoints } from '../../src/core/failpoints.ts';
import { ident, literal } from '../../src/core/quoting.ts';
import type { QuarantinedRecord } from '../../src/ingest/staged.ts';
import { recordSegment } from '../../src/ledger/objects.ts';
import { createLedgerTables, ledger, lockLedger, reserveIds } from '../../src/ledger/transaction.ts';
import type { ResolvedPipeline } from '../../src/pipeline/define.ts';
import { definitionHash, definitionOf } from '../../src/pipeline/definition.ts';
import type { Interval } from '../../src/pipeline/interval.ts';
import { union } from '../../src/pipeline/interval.ts';
import type { Staging } from '../../src/pipeline/tables.ts';
import { folderSegments } from '../../src/segments/folder.ts';
import { applyInCompute, applyState, beginBatch, dropBatch, ensureState, standOf } from '../../src/star/apply.ts';
import { deriveCalendar } from '../../src/star/calendar.ts';
import type { StarContext } from '../../src/star/context.ts';
import type { Delta } from '../../src/star/delta.ts';
import { deriveDimension } from '../../src/star/dimension.ts';
import { deriveFact } from '../../src/star/fact.ts';
import { deriveSqlTable } from '../../src/star/sql-table.ts';
import type { Standing } from '../../src/star/standing.ts';
import { type WinnerChange, winnerChange } from '../../src/star/winners.ts';
import { createTableSql } from '../../src/warehouse/ddl.ts';
import { DuckDatabase } from '../../src/warehouse/duckdb/database.ts';
import { duckdbDialect } from '../../src/warehouse/duckdb/dialect.ts';
import type { DuckSession } from '../../src/warehouse/duckdb/session.ts';

const parquetType = { text: 'varchar', integer: 'bigint', double: 'double', boolean: 'boolean' } as const;

export interface SmallObject {
  readonly uri: string;
  readonly version?: string;
  readonly records: readonly Readonly<Record<string, string | number | null>>[];
  readonly quarantined?: readonly Omit<QuarantinedRecord, 'object'>[];
  /** @default without steps */
  readonly positions?: readonly { row: number; ordinal: number; line: number }[];
}

export interface SmallBatch {
  readonly context: StarContext;
  readonly deltas: readonly Delta[];
}

/** A warehouse in memory whose segments are written by hand, so that what lies above the star is tested without ingest. */
export class SmallWarehouse {
  readonly pipeline: ResolvedPipeline;
  readonly directory: string;
  readonly database: DuckDatabase;
  readonly session: DuckSession;
  epoch = 0;

  private constructor(pipeline: ResolvedPipeline, directory: string, database: DuckDatabase, session: DuckSession) {
    this.pipeline = pipeline;
    this.directory = directory;
    this.database = database;
    this.session = session;
  }

  static async open(pipeline: ResolvedPipeline): Promise<SmallWarehouse> {
    const directory = mkdtempSync(join(tmpdir(), 'sparkify-small-'));
    const database = await DuckDatabase.open({ path: ':memory:', threads: 1 });
    const session = await database.connect();
    await createLedgerTables(session, duckdbDialect, false);
    await session.exec(
      `insert into ${ledger('meta')} (id, format, seq, next_object_id, next_segment_id) values (1, 1, 0, 1, 1)`,
    );
    await ensureState(session, pipeline.name);
    for (const table of pipeline.tables) {
      const nullable = { ...table, columns: table.columns.map((c) => ({ ...c, nullable: true })) };
      await session.exec(createTableSql(duckdbDialect, 'main', nullable, { primaryKeys: false }));
    }
    return new SmallWarehouse(pipeline, directory, database, session);
  }

  /** Writes one segment with these objects; their ids. */
  async stage(staging: Staging, objects: readonly SmallObject[]): Promise<readonly number[]> {
    const { session } = this;
    const tx = await lockLedger(session);
    const ids = await reserveIds(tx, objects.length);
    const path = `${staging.name}-${ids.segmentId}.parquet`;
    const rows = objects.flatMap((o) => o.records);
    const columns = staging.columns.map((c) => `${ident(c.name)} ${parquetType[c.type]}`).join(', ');
    await session.exec(`create or replace temp table staged_by_hand (${columns})`);
    const values = rows.map((r) => {
      const of = (value: string | number | null): string =>
        typeof value === 'string' ? literal(value) : String(value);
      return `(${staging.columns.map((c) => of(r[c.name] ?? null)).join(', ')})`;
    });
    if (values.length > 0) await session.exec(`insert into staged_by_hand values ${values.join(', ')}`);
    await session.exec(`copy staged_by_hand to ${literal(join(this.directory, path))} (format parquet)`);
    let firstRow = 0;
    const staged = objects.map((o) => {
      const times = staging.eventTime === undefined ? [] : o.records.map((r) => Number(r[staging.eventTime!]));
      const quarantined = o.quarantined?.length ?? 0;
      const object = {
        uri: o.uri,
        version: o.version ?? '1',
        sizeBytes: 1,
        read: o.records.length + quarantined,
        staged: o.records.length,
        quarantined,
        firstRow,
        ...(times.length === 0 ? {} : { minEventMs: Math.min(...times), maxEventMs: Math.max(...times) }),
        positions: o.positions ?? [],
        drift: { unknown: {}, missing: {} },
      };
      firstRow += o.records.length;
      return object;
    });
    const quarantined = objects.flatMap((o, object) => (o.quarantined ?? []).map((q) => ({ ...q, object })));
    const segment = { path, rows: rows.length, sizeBytes: 1, objects: staged, quarantined };
    return recordSegment(tx, this.pipeline.name, staging, segment, ids, { nowMs: 0 });
  }

  /** Derives the deltas of a batch, unpublished. */
  async begin(options: {
    readonly incoming: readonly number[];
    readonly outgoing?: readonly number[];
    readonly interval: Interval;
    readonly rebuild?: boolean;
  }): Promise<SmallBatch> {
    const { session, pipeline } = this;
    const { coverage } = await standOf(session, pipeline.name);
    const context: StarContext = {
      session,
      segments: folderSegments(this.directory),
      pipeline,
      schema: 'main',
      epoch: this.epoch,
      rebuild: options.rebuild === true,
      coverageOld: coverage,
      coverageNew: union(coverage, [options.interval]),
    };
    const list = (ids: readonly number[]): string => `select unnest([${ids.join(', ')}]::bigint[]) as object_id`;
    await dropBatch(session, pipeline.name, 'main', pipeline.tables);
    await beginBatch(session, pipeline.name, list(options.incoming), list(options.outgoing ?? []));
    const changes = new Map<string, WinnerChange>();
    for (const s of pipeline.stagings) changes.set(s.name, await winnerChange(context, s));
    const deltas: Delta[] = [];
    for (const table of pipeline.tables) {
      switch (table.kind) {
        case 'fact':
          deltas.push(await deriveFact(context, table, changes));
          break;
        case 'dimension':
          deltas.push(await deriveDimension(context, table, changes));
          break;
        case 'calendar':
          deltas.push(await deriveCalendar(context, table, deltas.find((d) => d.table === table.of.name)!));
          break;
        case 'sql':
          deltas.push(await deriveSqlTable(context, table));
      }
    }
    return { context, deltas };
  }

  async publish(batch: SmallBatch): Promise<void> {
    const { session, pipeline } = this;
    const inTable = `select object_id from sparkify_batch."${pipeline.name}:in:"`;
    const outTable = `select object_id from sparkify_batch."${pipeline.name}:out:"`;
    const epoch = this.epoch + 1;
    await session.exec(
      `update ${ledger('objects')} set state = 'retired', retired_epoch = ${epoch} where object_id in (${outTable})`,
    );
    await session.exec(
      `update ${ledger('objects')} set state = 'live', published_epoch = ${epoch} where object_id in (${inTable})`,
    );
    await applyInCompute(batch.context, session, batch.deltas, noFailpoints);
    const definition = definitionHash(definitionOf(pipeline));
    await applyState(batch.context, session, batch.deltas, { epoch, coverage: batch.context.coverageNew, definition });
    await dropBatch(session, pipeline.name, 'main', pipeline.tables);
    this.epoch = epoch;
  }

  async standing(): Promise<Standing> {
    const { coverage } = await standOf(this.session, this.pipeline.name);
    return {
      session: this.session,
      segments: folderSegments(this.directory),
      pipeline: this.pipeline,
      schema: 'main',
      coverage,
    };
  }

  close(): void {
    this.session.close();
    this.database.close();
    rmSync(this.directory, { recursive: true, force: true });
  }
}

import type { CheckResult } from '../ledger/checks.ts';
import type { Check } from '../pipeline/check.ts';
import type { StarTable } from '../pipeline/tables.ts';
import type { SqlSession } from '../warehouse/session.ts';
import { acceptedValues, notNull, type PartsOf, references, unique } from './column-checks.ts';
import { expectedResult, overTables } from './expected.ts';
import { type Finding, verdictOf } from './finding.ts';
import type { Subject } from './subject.ts';
import { freshness, hasRows, rowCount } from './table-checks.ts';

/** What checks are carried out on: the batch at the gate, or the published star. */
export interface Court {
  readonly session: SqlSession;
  readonly nowMs: number;
  subjects(): readonly Subject[];
  /** @default all values at once */
  readonly parts?: PartsOf;
  /** Has the source of a table anything that would be a row of it? */
  hasRecords(table: StarTable): Promise<boolean>;
  rowAccounting(): Promise<Finding>;
}

/** Carries out one check. @throws whatever makes further checks pointless, such as a lost connection */
export function judge(court: Court, check: Check): Promise<CheckResult> {
  return verdictOf(check, () => look(court, check));
}

async function look(court: Court, check: Check): Promise<Finding> {
  const { session } = court;
  const subjectOf = (name: string): Subject | undefined => court.subjects().find((s) => s.table.name === name);
  const unknown = unknownName(check, subjectOf);
  if (unknown !== undefined)
    return { passed: false, expected: 'a table and columns of this pipeline', actual: `there is no ${unknown}` };
  switch (check.kind) {
    case 'notNull':
      return notNull(session, check, subjectOf(check.table)!);
    case 'unique':
      return unique(session, check, subjectOf(check.table)!, court.parts);
    case 'references':
      return references(session, check, subjectOf(check.table)!, subjectOf(check.toTable)!, court.parts);
    case 'acceptedValues':
      return acceptedValues(session, check, subjectOf(check.table)!);
    case 'rowCount':
      return rowCount(check, subjectOf(check.table)!);
    case 'hasRows': {
      const subject = subjectOf(check.table)!;
      return hasRows(subject, () => court.hasRecords(subject.table));
    }
    case 'freshness':
      return freshness(session, check, subjectOf(check.table)!, court.nowMs);
    case 'expected': {
      const tables = court.subjects().map((s) => ({ name: s.table.name, select: s.whole }));
      return expectedResult(session, check, overTables(check.sql, tables));
    }
    case 'rowAccounting':
      return court.rowAccounting();
  }
}

/** The first table or column that a check names and the pipeline does not have. */
function unknownName(check: Check, subjectOf: (name: string) => Subject | undefined): string | undefined {
  const missing = (table: string, columns: readonly string[]): string | undefined => {
    const subject = subjectOf(table);
    if (subject === undefined) return `table ${table}`;
    const column = columns.find((c) => !subject.table.columns.some((o) => o.name === c));
    return column === undefined ? undefined : `column ${table}.${column}`;
  };
  switch (check.kind) {
    case 'notNull':
    case 'unique':
      return missing(check.table, check.columns);
    case 'references':
      return missing(check.table, [check.column]) ?? missing(check.toTable, [check.toColumn]);
    case 'acceptedValues':
    case 'freshness':
      return missing(check.table, [check.column]);
    case 'rowCount':
    case 'hasRows':
      return missing(check.table, []);
    default:
      return undefined;
  }
}

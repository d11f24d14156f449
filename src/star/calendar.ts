import { ident, identList, qualified } from '../core/quoting.ts';
import type { Calendar } from '../pipeline/tables.ts';
import type { StarContext } from './context.ts';
import { type Delta, keyBounds, mergedSql, startsEmpty, writeMerge, writeNext } from './delta.ts';
import { starTypeSql } from './lookup.ts';
import { batchTable } from './names.ts';
import { inGroups, partsByValue } from './parts.ts';

/** What a part is written with costs more than a smaller hash table saves. */
const ROWS_OF_A_PART = 500_000;

/** The delta of a calendar: the distinct times of its fact as it will be. @param delta of the fact, as it was written */
export async function deriveCalendar(context: StarContext, calendar: Calendar, delta: Delta): Promise<Delta> {
  const { session, pipeline, schema } = context;
  const fact = calendar.of;
  const time = ident(calendar.column);
  const rowsOf = (times: string) =>
    `select ${calendar.columns.map((c) => `cast(${c.sql} as ${starTypeSql[c.type]}) as ${ident(c.name)}`).join(', ')} from (${times}) t`;
  if (delta.mode === 'replace' || (await startsEmpty(context, calendar))) {
    const merged = mergedSql(context, fact, delta);
    const column = { name: calendar.column, type: 'timestamp' } as const;
    const parts = await partsByValue(session, merged, column, delta.added, ROWS_OF_A_PART);
    const times = parts.map(
      (part) => `select distinct ${time} from (${merged}) where ${time} is not null and ${part(time)}`,
    );
    return writeNext(context, calendar, ...inGroups(times).map(rowsOf));
  }
  const add = batchTable(pipeline.name, 'add', fact.name);
  const remove = batchTable(pipeline.name, 'remove', fact.name);
  // Times that lost a row and have none left among the rows that stay.
  await session.exec(
    `create or replace temp table lost_times as select distinct ${time} from ${remove} where ${time} is not null except select ${time} from ${add}`,
  );
  const timeKey = { ...fact, key: [calendar.column] };
  const between = await keyBounds(context, 'lost_times', timeKey);
  await session.exec(
    `delete from lost_times where ${time} in (select s.${time} from ${qualified(schema, fact.name)} s semi join lost_times l using (${time}) anti join ${remove} r using (${identList(fact.key)}) where ${between})`,
  );
  const keyColumn = calendar.columns.find((c) => c.name === calendar.key[0])!;
  const touched = `select ${keyColumn.sql} as ${ident(keyColumn.name)} from lost_times t`;
  return writeMerge(
    context,
    calendar,
    rowsOf(`select distinct ${time} from ${add} where ${time} is not null`),
    touched,
  );
}

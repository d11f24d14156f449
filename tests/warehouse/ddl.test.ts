import { describe, expect, test } from 'vitest';
import { createTableSql, dropTableSql, printDdl } from '../../src/warehouse/ddl.ts';
import { stagings, tables } from './ddl-fixture.ts';
import { engines } from './engines.ts';

describe.each(engines)('DDL for $name', ({ name, open }) => {
  test('is the reviewed file, and runs as it stands, twice', async () => {
    const { warehouse, dispose } = await open();
    try {
      const { dialect, capabilities } = warehouse;
      const sql = printDdl(
        { stagings, tables },
        { ...capabilities, dialect, schema: 'music "x"', pipeline: 'fixture' },
      );
      await expect(sql).toMatchFileSnapshot(`golden/tables.${name}.sql`);
      await warehouse.transaction((s) => s.exec(sql));
      await warehouse.transaction((s) => s.exec(sql));
      const [row] = await warehouse.read((s) =>
        s.all<{ n: number }>(
          "select count(*) as n from information_schema.columns where table_schema = 'music \"x\"' and table_name = 'plays'",
        ),
      );
      expect(row!.n).toBe(5);
    } finally {
      await dispose();
    }
  });

  test('a table is built beside under another name, refuses NULL where declared, and is dropped', async () => {
    const { warehouse, dispose } = await open();
    try {
      const { dialect, capabilities } = warehouse;
      const schema = dialect.defaultSchema;
      const options = { primaryKeys: capabilities.primaryKeys, name: 'songs_next' };
      await warehouse.transaction((s) => s.exec(createTableSql(dialect, schema, tables[1]!, options)));
      const insert = (id: string | null): Promise<void> =>
        warehouse.transaction((s) => s.insertRows(schema, 'songs_next', ['song_id', 'plays'], [[id, 1]]));
      await insert('a');
      await expect(insert(null)).rejects.toMatchObject({ code: 'SQL_FAILED' });
      await warehouse.transaction((s) => s.exec(dropTableSql(schema, 'songs_next')));
      await expect(insert('b')).rejects.toThrow();
    } finally {
      await dispose();
    }
  });
});

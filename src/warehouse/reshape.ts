import { ident, qualified } from '../core/quoting.ts';
import type { StarTable } from '../pipeline/tables.ts';
import { createTableSql, dropTableSql } from './ddl.ts';
import type { SqlSession } from './session.ts';
import type { Warehouse } from './warehouse.ts';

interface Grant {
  readonly grantee: string;
  readonly privilege_type: string;
  readonly is_grantable: string;
}

/** Creates a table anew under its changed definition, within `session`'s transaction; who was granted what stays granted. */
export async function reshapeTable(
  session: SqlSession,
  warehouse: Warehouse,
  schema: string,
  table: StarTable,
): Promise<void> {
  const grants = await session.all<Grant>(
    'select grantee, privilege_type, is_grantable from information_schema.role_table_grants where table_schema = $1 and table_name = $2 and grantee <> current_user',
    [schema, table.name],
  );
  await session.exec(dropTableSql(schema, table.name));
  await session.exec(
    createTableSql(warehouse.dialect, schema, table, { primaryKeys: warehouse.capabilities.primaryKeys }),
  );
  for (const g of grants) {
    const grantee = g.grantee === 'PUBLIC' ? 'public' : ident(g.grantee);
    await session.exec(
      `grant ${g.privilege_type} on ${qualified(schema, table.name)} to ${grantee}${g.is_grantable === 'YES' ? ' with grant option' : ''}`,
    );
  }
}

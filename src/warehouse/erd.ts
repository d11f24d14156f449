import type { StarTable } from '../pipeline/tables.ts';

/** A reference from a table's column to another table's, both within the diagram. */
export interface ErdReference {
  readonly from: StarTable;
  readonly column: string;
  readonly to: StarTable;
  readonly toColumn: string;
}

/** The references between the tables, in the order of tables and columns; those that lead out of the list are left out. */
export function referencesOf(tables: readonly StarTable[]): readonly ErdReference[] {
  return tables.flatMap((from) =>
    from.columns.flatMap((column) => {
      const [name, toColumn] = column.references?.split('.') ?? [];
      const to = tables.find((t) => t.name === name);
      return to === undefined || toColumn === undefined ? [] : [{ from, column: column.name, to, toColumn }];
    }),
  );
}

/** A Mermaid `erDiagram` of star tables: columns with types, keys and documentation, and the references. */
export function mermaidErd(tables: readonly StarTable[]): string {
  const references = referencesOf(tables);
  const lines = ['erDiagram'];
  for (const { to, from, column } of references) {
    const optional = from.columns.find((c) => c.name === column)?.nullable === true ? 'o|' : '||';
    lines.push(`  ${name(to.name)} ${optional}--o{ ${name(from.name)} : ${quoted(column)}`);
  }
  for (const table of tables) {
    lines.push(`  ${name(table.name)} {`);
    for (const column of table.columns) {
      const keys = [
        ...(table.key.includes(column.name) ? ['PK'] : []),
        ...(references.some((r) => r.from === table && r.column === column.name) ? ['FK'] : []),
      ];
      const doc = column.doc === '' ? '' : ` ${quoted(column.doc)}`;
      lines.push(`    ${column.type} ${attribute(column.name)}${keys.length === 0 ? '' : ` ${keys.join(', ')}`}${doc}`);
    }
    lines.push('  }');
  }
  return `${lines.join('\n')}\n`;
}

function name(text: string): string {
  return /^[A-Za-z_][A-Za-z0-9_]*$/.test(text) ? text : quoted(text);
}

/** Attribute names cannot be quoted in Mermaid. */
function attribute(text: string): string {
  return text.replace(/[^A-Za-z0-9_]/g, '_');
}

/** Mermaid has no escape for a quote inside quotes, but knows entities. */
function quoted(text: string): string {
  return `"${text.replace(/\s+/g, ' ').replaceAll('#', '#35;').replaceAll('"', '#quot;')}"`;
}

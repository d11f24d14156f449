import { API_BASE, operationIds, operations } from './operations.ts';

/** The operations as a table for docs/api.md. */
export function operationsTable(): string {
  const rows = operationIds.map((id) => {
    const { method, path, scope, summary } = operations[id];
    return `| \`${method.toUpperCase()} ${path}\` | \`${id}\` | ${scope} | ${summary} |`;
  });
  return [`| below \`${API_BASE}\` | operationId | scope | |`, '|---|---|---|---|', ...rows].join('\n');
}

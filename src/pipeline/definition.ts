import { createHash } from 'node:crypto';
import type { StagingColumn } from './column.ts';
import type { ResolvedPipeline } from './define.ts';
import type { Staging, StarTable } from './tables.ts';

/**
 * D, the semantic definition: what decides the rows of the star, normalised. Names, documentation, sources' places,
 * schedules and checks are not in it, so changing them makes nothing stale.
 */
export type Definition = Readonly<Record<string, string>>;

const squeeze = (sql: string): string => sql.replace(/\s+/g, ' ').trim();
const orderText = (order: readonly { sql: string; descending?: boolean }[]): string =>
  order.map((o) => `${squeeze(o.sql)}${o.descending === true ? ' desc' : ''}`).join(', ');

/** How a staging column is read: its field, type and limits, as one text. */
export function columnRule(c: StagingColumn): string {
  return [
    c.field,
    c.type,
    c.required ? 'required' : 'optional',
    c.min ?? '',
    c.max ?? '',
    c.integerText === true ? 'integer text' : '',
  ]
    .join(' ')
    .trim();
}

const RULE = /^(.*) (text|integer|double|boolean) (required|optional)(?: (\S*))?(?: (\S*))?(?: (integer text))?$/s;

/**
 * Whether every value that was read by an earlier rule (as `columnRule` wrote it) is what today's would have read. What it
 * rejected is another matter: that is read again by a replay.
 */
export function keepsWhatWasRead(earlier: string, c: StagingColumn): boolean {
  const [, field, type, presence, min = '', max = '', integerText] = RULE.exec(earlier) ?? [];
  if (field !== c.field || type !== c.type) return false;
  if (c.required && presence !== 'required') return false;
  if (c.min !== undefined && (min === '' || Number(min) < c.min)) return false;
  if (c.max !== undefined && (max === '' || Number(max) > c.max)) return false;
  return c.integerText !== true || integerText !== undefined;
}

function stagingEntries(s: Staging): readonly (readonly [string, string])[] {
  return [
    [s.name, `staging key(${s.key.join(', ')}) winner(${orderText(s.winner)}) time(${s.eventTime ?? 'none'})`],
    ...s.columns.map((c): readonly [string, string] => [`${s.name}.${c.name}`, columnRule(c)]),
  ];
}

function tableEntries(t: StarTable): readonly (readonly [string, string])[] {
  const own = ((): string => {
    switch (t.kind) {
      case 'fact':
        return `fact from ${t.from.name} where(${squeeze(t.where ?? '')}) key(${t.key.join(', ')})`;
      case 'dimension':
        return `dimension from ${t.from.name} where(${squeeze(t.where ?? '')}) key(${t.key.join(', ')}) winner(${orderText(t.winner)})`;
      case 'calendar':
        return `calendar of ${t.of.name}.${t.column} key(${t.key.join(', ')})`;
      case 'sql':
        return `sql key(${t.key.join(', ')}) ${squeeze(t.sql)}`;
    }
  })();
  const lookups = t.kind === 'fact' ? t.lookups : [];
  return [
    [t.name, own],
    ...t.columns.map((c): readonly [string, string] => [
      `${t.name}.${c.name}`,
      `${c.type} ${c.nullable ? 'null' : 'not null'} = ${squeeze(c.sql)}`,
    ]),
    ...lookups.map((l): readonly [string, string] => [
      `${t.name}:${l.name}`,
      `lookup in ${l.from.name} on(${Object.entries(l.on)
        .map(([a, b]) => `${a} = ${b}`)
        .join(', ')}) where(${squeeze(l.where ?? '')}) order(${orderText(l.orderBy)})`,
    ]),
  ];
}

export function definitionOf(pipeline: ResolvedPipeline): Definition {
  return Object.fromEntries([...pipeline.stagings.flatMap(stagingEntries), ...pipeline.tables.flatMap(tableEntries)]);
}

/** SHA-256 (hex) of a definition. */
export function definitionHash(definition: Definition): string {
  return createHash('sha256')
    .update(JSON.stringify(Object.entries(definition).sort(([a], [b]) => (a < b ? -1 : 1))))
    .digest('hex');
}

/** What differs, for a person. */
export function definitionDifferences(before: Definition, after: Definition): readonly string[] {
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort();
  return names.flatMap((name) => {
    if (before[name] === after[name]) return [];
    if (before[name] === undefined) return [`${name} is new`];
    if (after[name] === undefined) return [`${name} is gone`];
    return [`${name} was "${before[name]}" and is "${after[name]}"`];
  });
}

/** Columns, types, nullability and key of a table as a definition has them: what a rebuild must create anew when it changes. */
export function tableShape(definition: Definition, table: string): string {
  const columns = Object.entries(definition)
    .filter(([name]) => name.startsWith(`${table}.`))
    .map(([name, text]) => `${name} ${/^\w+ (?:not )?null/.exec(text)?.[0] ?? text}`)
    .sort();
  return [/key\([^)]*\)/.exec(definition[table] ?? '')?.[0] ?? '', ...columns].join('\n');
}

/** Runs of consecutive ids are named by their ends from this length on. */
const MIN_RUN = 4;

interface IdRuns {
  /** First and last id of each run. */
  readonly runs: readonly (readonly [number, number])[];
  readonly singles: readonly number[];
}

function runsOf(ids: readonly number[]): IdRuns {
  const sorted = [...new Set(ids)].sort((a, b) => a - b);
  const runs: [number, number][] = [];
  const singles: number[] = [];
  for (let i = 0; i < sorted.length; ) {
    let end = i + 1;
    while (end < sorted.length && sorted[end]! - sorted[end - 1]! === 1) end++;
    if (end - i >= MIN_RUN) runs.push([sorted[i]!, sorted[end - 1]!]);
    else singles.push(...sorted.slice(i, end));
    i = end;
  }
  return { runs, singles };
}

/** The condition that `column` is one of these ids, which are best consecutive: a list of 100,000 takes long to parse. */
export function isOneOf(column: string, ids: readonly number[]): string {
  const { runs, singles } = runsOf(ids);
  const conditions = runs.map(([first, last]) => `${column} between ${first} and ${last}`);
  if (singles.length > 0) conditions.push(`${column} in (${singles.join(', ')})`);
  return conditions.length === 0 ? 'false' : `(${conditions.join(' or ')})`;
}

/** A SELECT of these ids, each once, as `name`, for the compute engine. */
export function selectIds(name: string, ids: readonly number[]): string {
  const { runs, singles } = runsOf(ids);
  const lists = runs.map(([first, last]) => `range(${first}, ${last + 1})`);
  return `select unnest(flatten([${[...lists, `[${singles.join(', ')}]::bigint[]`].join(', ')}])) as ${name}`;
}

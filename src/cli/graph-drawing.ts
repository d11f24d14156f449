/** A task as the drawing sees it: whom it waits for. */
export interface DrawnTask {
  readonly name: string;
  readonly group?: string | null;
  readonly after: readonly string[];
}

/** More rails than this no terminal shows in a useful way. */
const MOST_RAILS = 24;

/**
 * The rails of a graph, one text for each task in the order given (topological): from the tasks that are waited for to
 * those that wait. Tasks that wait for the same ones hang on one rail. Undefined when there are too many rails.
 */
export function drawRails(tasks: readonly DrawnTask[]): readonly string[] | undefined {
  const junctions = junctionsOf(tasks);
  /** Which junction has which column. */
  const columns: (Junction | undefined)[] = [];
  const rows: Cell[][] = [];
  for (const [row, task] of tasks.entries()) {
    const input = junctions.find((j) => j.lastChild >= row && j.children.has(task.name));
    const outputs = junctions.filter((j) => j.parents.has(task.name));
    const inputColumn = input === undefined ? undefined : columns.indexOf(input);
    const passing = columns.map((j) => j !== undefined && j !== input);
    if (input !== undefined && input.lastChild === row) columns[inputColumn!] = undefined;
    const begun = new Set(outputs.filter((j) => columns.includes(j)));
    for (const junction of outputs) if (!begun.has(junction)) columns[freeColumn(columns)] = junction;
    const outputColumns = outputs.map((j) => columns.indexOf(j));
    const node = nodeColumn(columns, inputColumn, outputColumns);
    if (columns.length > MOST_RAILS) return undefined;
    const ends = [node, ...outputColumns, ...(inputColumn === undefined ? [] : [inputColumn])];
    const [left, right] = [Math.min(...ends), Math.max(...ends)];
    const cells: Cell[] = [];
    for (let c = 0; c < Math.max(columns.length, right + 1); c++) {
      const output = outputColumns.indexOf(c);
      const isInput = c === inputColumn;
      cells.push({
        node: c === node,
        up: passing[c] === true || isInput || (output >= 0 && begun.has(outputs[output]!)),
        down: columns[c] !== undefined,
        left: c > left && c <= right,
        right: c >= left && c < right,
        touched: isInput || output >= 0 || c === node,
      });
    }
    rows.push(cells);
  }
  const width = Math.max(0, ...rows.map((cells) => cells.length));
  return rows.map((cells) => rowText(cells, width));
}

/** The way through a graph in one line: its layers, each by its task, its group, or how many there are. */
export function drawLayers(tasks: readonly DrawnTask[]): string {
  const depth = new Map<string, number>();
  const layers: DrawnTask[][] = [];
  for (const task of tasks) {
    const level = Math.max(-1, ...task.after.map((name) => depth.get(name) ?? -1)) + 1;
    depth.set(task.name, level);
    const layer = layers[level];
    if (layer === undefined) layers[level] = [task];
    else layer.push(task);
  }
  return layers.map(layerText).join(' → ');
}

function layerText(tasks: readonly DrawnTask[]): string {
  const [first] = tasks;
  if (tasks.length === 1) return first!.name;
  const groups = new Set(tasks.map((t) => t.group ?? undefined));
  const [group] = groups;
  if (groups.size === 1 && group !== undefined) return `${group} (${tasks.length})`;
  if (tasks.length <= 3) return `[${tasks.map((t) => t.name).join(', ')}]`;
  return `[${tasks.length} tasks]`;
}

/** The tasks that wait for exactly the same ones, and these. */
interface Junction {
  readonly parents: ReadonlySet<string>;
  readonly children: Set<string>;
  lastChild: number;
}

function junctionsOf(tasks: readonly DrawnTask[]): readonly Junction[] {
  const found = new Map<string, Junction>();
  const known = new Set(tasks.map((t) => t.name));
  for (const [row, task] of tasks.entries()) {
    const parents = task.after.filter((name) => known.has(name)).sort();
    if (parents.length === 0) continue;
    const key = JSON.stringify(parents);
    const junction = found.get(key) ?? { parents: new Set(parents), children: new Set<string>(), lastChild: row };
    junction.children.add(task.name);
    junction.lastChild = row;
    found.set(key, junction);
  }
  return [...found.values()];
}

function freeColumn(columns: readonly (Junction | undefined)[]): number {
  const free = columns.indexOf(undefined);
  return free < 0 ? columns.length : free;
}

/** On its own rail; a task that nobody waits for stands where its input ends, else beside the rails. */
function nodeColumn(
  columns: readonly (Junction | undefined)[],
  input: number | undefined,
  outputs: readonly number[],
): number {
  if (outputs.length > 0) return outputs[0]!;
  return input !== undefined && columns[input] === undefined ? input : freeColumn(columns);
}

interface Cell {
  readonly node: boolean;
  readonly up: boolean;
  readonly down: boolean;
  readonly left: boolean;
  readonly right: boolean;
  /** Whether this row's task is joined to this rail; others only cross. */
  readonly touched: boolean;
}

/** By up, down, left, right. */
const LINES: Readonly<Record<string, string>> = {
  '0000': ' ',
  '1100': '│',
  '0011': '─',
  '1010': '╯',
  '1001': '╰',
  '0110': '╮',
  '0101': '╭',
  '1110': '┤',
  '1101': '├',
  '1011': '┴',
  '0111': '┬',
  '1111': '┼',
  '1000': '╵',
  '0100': '╷',
  '0010': '╴',
  '0001': '╶',
};

function rowText(cells: readonly Cell[], width: number): string {
  let text = '';
  for (let c = 0; c < width; c++) {
    const cell = cells[c];
    if (cell === undefined) {
      text += '  ';
      continue;
    }
    const { up, down, left, right } = cell;
    // A rail that only crosses shows no joint.
    const crossing = !cell.touched && left && right && up && down;
    text += cell.node ? '●' : crossing ? '│' : LINES[[up, down, left, right].map(Number).join('')]!;
    text += right ? '─' : ' ';
  }
  return text.trimEnd().padEnd(width * 2 - 1);
}

/** Which task instance is meant: a task, or with `name[3]` one element of a mapped one. */
export interface NamedTask {
  readonly task: string;
  readonly mapIndex: number | undefined;
}

export function namedTask(text: string): NamedTask {
  const [, task, element] = /^(.+)\[(\d{1,7})\]$/s.exec(text) ?? [];
  return task === undefined ? { task: text, mapIndex: undefined } : { task, mapIndex: Number(element) };
}

/** The other way round. */
export function taskText(task: string, mapIndex: number): string {
  return mapIndex < 0 ? task : `${task}[${mapIndex}]`;
}

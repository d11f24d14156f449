import { entry } from './entry.ts';

/** Definitions of pipelines, their schedules, and what tasks of the user do. */
export const definitionErrors = {
  // pipeline definitions
  PIPELINE_INVALID: entry<{ pipeline: string; detail: string; fix?: string }>(
    3,
    (p) => `Pipeline ${p.pipeline}: ${p.detail}`,
    (p) => p.fix ?? 'Correct the definition; docs/pipelines.md describes every field.',
  ),
  PIPELINE_CYCLE: entry<{ pipeline: string; path: readonly string[] }>(
    3,
    (p) => `Pipeline ${p.pipeline}: its tasks wait for each other in a circle: ${p.path.join(' → ')}`,
    () => 'Remove one of these dependencies.',
  ),
  PARAMETER_INVALID: entry<{ pipeline: string; detail: string }>(
    2,
    (p) => `Parameters of pipeline ${p.pipeline}: ${p.detail}`,
    () => 'Pass the parameter with --set name=value, or set it under `params` in sparkify.config.ts.',
  ),
  INTERVAL_INVALID: entry<{ text: string; detail: string }>(
    2,
    (p) => `"${p.text}" is not an interval: ${p.detail}`,
    () =>
      'Write START/END in UTC, half-open, for example 2018-11-01/2018-11-02 or 2018-11-01T10:00Z/2018-11-01T11:00Z.',
  ),
  TEMPLATE_INVALID: entry<{ template: string; detail: string }>(
    3,
    (p) => `The key template "${p.template}" cannot be used: ${p.detail}`,
    () => 'Use the tokens {yyyy}, {MM}, {dd}, {HH} or a date pattern such as {yyyy-MM-dd}.',
  ),
  DURATION_INVALID: entry<{ where: string; text: string; detail: string }>(
    3,
    (p) => `${p.where}: "${p.text}" is no length of time: ${p.detail}`,
    () =>
      "Write a number with a unit, such as '90 seconds', '5 minutes', '12 hours' or '7 days', or milliseconds as a number.",
  ),
  SCHEDULE_INVALID: entry<{ schedule: string; detail: string; fix?: string }>(
    3,
    (p) => `The schedule "${p.schedule}" cannot be used: ${p.detail}`,
    (p) => p.fix ?? "Write cron('0 7 * * *') or every('12 hours'); docs/pipelines.md describes both.",
  ),
  INTERVAL_OFF_GRID: entry<{ pipeline: string; interval: string; near: string }>(
    2,
    (p) => `${p.interval} does not begin and end where intervals of pipeline ${p.pipeline} do.`,
    (p) => `The nearest that does is ${p.near}; \`sparkify run\` takes any interval.`,
  ),
  POOLS_DISAGREE: entry<{ pool: string; declared: readonly string[] }>(
    3,
    (p) => `Pipelines give the pool "${p.pool}" different numbers of slots: ${p.declared.join(', ')}.`,
    () => 'Let them agree, or define the pool under `pools` in sparkify.config.ts, which stands above them.',
  ),
  // tasks
  FUNCTION_FAILED: entry<{ task: string; detail: string }>(
    1,
    (p) => `The function of task ${p.task} failed: ${p.detail}`,
    () => 'See the log of the task; correct the function or what it depends on, then retry it.',
    { retryable: true },
  ),
  FUNCTION_GAVE_UP: entry<{ task: string; detail: string }>(
    1,
    (p) => `Task ${p.task} gave up: ${p.detail}`,
    () => 'It says that another try would not help; change what it names, then retry the task.',
  ),
  THREAD_INVALID: entry<{ task: string; detail: string }>(
    3,
    (p) => `Task ${p.task} cannot run in a thread: ${p.detail}`,
    () =>
      "Name a module of your project and an exported function of it: thread('score', new URL('./score.ts', import.meta.url), 'score').",
  ),
  BRANCH_UNKNOWN: entry<{ task: string; chosen: string; known: readonly string[] }>(
    1,
    (p) => `Branch ${p.task} chose ${p.chosen}, which is no task or group directly after it.`,
    (p) => `Let it return names among: ${p.known.join(', ')}`,
  ),
  SENSOR_TIMED_OUT: entry<{ task: string; detail: string }>(
    1,
    (p) => `Task ${p.task} waited in vain: ${p.detail}`,
    () => 'Bring what it waits for and retry the task, or skip it; `onTimeout` says what the sensor does in the end.',
  ),
  VALUE_INVALID: entry<{ pipeline: string; task: string; detail: string }>(
    1,
    (p) => `The value of task ${p.task} (pipeline ${p.pipeline}) cannot be passed on: ${p.detail}.`,
    () => 'Return plain JSON: null, true, numbers, texts, arrays and plain objects of them.',
  ),
  VALUE_TOO_LARGE: entry<{ pipeline: string; task: string; sizeBytes: number; maxBytes: number }>(
    1,
    (p) =>
      `The value of task ${p.task} (pipeline ${p.pipeline}) has ${p.sizeBytes} bytes; at most ${p.maxBytes} are passed on.`,
    () => 'Write it to a table or an object and pass its name on.',
  ),
  VALUE_UNKNOWN: entry<{ task: string; asked: string; known: readonly string[] }>(
    1,
    (p) => `Task ${p.task} asks for the value of ${p.asked}, which does not come before it.`,
    (p) => (p.known.length === 0 ? 'Nothing comes before it.' : `These come before it: ${p.known.join(', ')}`),
  ),
} as const;

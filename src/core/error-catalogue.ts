import { backfillErrors } from './error-catalogue/backfills.ts';
import { dataErrors } from './error-catalogue/data.ts';
import { definitionErrors } from './error-catalogue/definitions.ts';
import { entry } from './error-catalogue/entry.ts';
import { warehouseErrors } from './error-catalogue/warehouse.ts';

export type { ErrorEntry } from './error-catalogue/entry.ts';

/**
 * Every error a person can meet, keyed by its code. `docs/errors.md` is generated from this table and a test holds
 * the two equal. A message says what happened, a remedy what to do about it; neither may carry a secret.
 */
export const errorCatalogue = {
  // usage
  USAGE: entry<{ detail: string; fix?: string }>(
    2,
    (p) => p.detail,
    (p) => p.fix ?? 'See `sparkify --help`.',
  ),
  // configuration
  CONFIG_LOAD_FAILED: entry<{ file: string; detail: string }>(
    3,
    (p) => `The configuration ${p.file} cannot be loaded: ${p.detail}`,
    () => 'Correct the file, or name another with --config FILE; `sparkify init DIR` writes one that works.',
  ),
  CONFIG_INVALID: entry<{ file: string; detail: string }>(
    3,
    (p) => `The configuration ${p.file} is not valid: ${p.detail}`,
    () => 'Correct these fields; docs/configuration.md describes each of them.',
  ),
  ...definitionErrors,
  ...warehouseErrors,
  // store
  STORE_URL_INVALID: entry<{ url: string; detail: string }>(
    2,
    (p) => `"${p.url}" names no store: ${p.detail}`,
    () => 'Write sqlite:PATH or postgresql://user@host:port/database, where ?schema=NAME may follow.',
  ),
  STORE_OPEN_FAILED: entry<{ store: string; detail: string }>(
    4,
    (p) => `The store ${p.store} cannot be used: ${p.detail}`,
    () => 'Check the path or address and its permissions, or name another store.',
    { retryable: false },
  ),
  STORE_DAMAGED: entry<{ store: string; detail: string }>(
    3,
    (p) => `The store ${p.store} cannot be read: ${p.detail}`,
    () =>
      'Bring the file back from a backup, or move it away with its -wal and -shm: a new one begins without history, and what is loaded stays known to the warehouse.',
  ),
  STORE_NEWER: entry<{ store: string; found: number; known: number }>(
    3,
    (p) => `The store ${p.store} has format ${p.found}; this version knows up to ${p.known}.`,
    () => 'Use the newer sparkify that wrote it.',
  ),
  STORE_UNREACHABLE: entry<{ store: string; detail: string }>(
    4,
    (p) => `The store ${p.store} cannot be reached: ${p.detail}`,
    () => 'Check that the server runs and can be reached from here; what was not committed was rolled back.',
  ),
  STORE_BUSY: entry<{ store: string; detail: string }>(
    4,
    (p) => `The store ${p.store} is held up by another transaction: ${p.detail}`,
    () => 'Run it again; if it stays so, look for a process that was stopped while it wrote.',
  ),
  STORE_COMMIT_UNKNOWN: entry<{ detail: string }>(
    4,
    (p) => `The connection to the store was lost while committing, so the outcome is unknown: ${p.detail}`,
    () => 'Look at the state (sparkify status) before doing it again.',
    { retryable: false },
  ),
  ...dataErrors,
  // what a person names
  PIPELINE_UNKNOWN: entry<{ pipeline: string; known: readonly string[] }>(
    2,
    (p) => `There is no pipeline "${p.pipeline}".`,
    (p) =>
      p.known.length === 0
        ? 'The store knows none yet: list yours in sparkify.config.ts and start `sparkify up`.'
        : `There are: ${p.known.join(', ')}.`,
    { httpStatus: 404 },
  ),
  RUN_UNKNOWN: entry<{ run: number }>(
    2,
    (p) => `There is no run ${p.run}.`,
    () => '`sparkify runs list` shows them; old ones are removed after a while.',
    { httpStatus: 404 },
  ),
  TASK_UNKNOWN: entry<{ what: string; task: string; known: readonly string[] }>(
    2,
    (p) => `${p.what} has no task "${p.task}".`,
    (p) => `Its tasks are: ${p.known.join(', ')}.`,
    { httpStatus: 404 },
  ),
  ...backfillErrors,
  // server
  REQUEST_INVALID: entry<{ problems: readonly string[] }>(
    2,
    (p) => `The request cannot be understood: ${p.problems.join('; ')}`,
    () => 'Correct it; /api/v1/openapi.json describes every operation and field.',
  ),
  ROUTE_UNKNOWN: entry<{ path: string }>(
    2,
    (p) => `There is nothing at ${p.path}.`,
    () => 'See /api/v1/openapi.json for what there is.',
    { httpStatus: 404 },
  ),
  METHOD_REFUSED: entry<{ path: string; method: string; allowed: readonly string[] }>(
    2,
    (p) => `${p.path} does not take ${p.method}.`,
    (p) => `It takes ${p.allowed.join(', ')}.`,
    { httpStatus: 405 },
  ),
  BODY_TYPE_REFUSED: entry<{ found: string }>(
    2,
    (p) => `A request brings JSON, not ${p.found}.`,
    () => 'Send the header content-type: application/json and a JSON object.',
    { httpStatus: 415 },
  ),
  BODY_TOO_LARGE: entry<{ limitBytes: number }>(
    2,
    (p) => `The request is larger than ${p.limitBytes} bytes.`,
    () => 'Send less at once.',
    { httpStatus: 413 },
  ),
  HOST_REFUSED: entry<{ host: string }>(
    2,
    (p) => `This server does not answer to the name "${p.host}".`,
    () =>
      'Call it by localhost, 127.0.0.1 or [::1], or add the name to `server.hosts` in sparkify.config.ts. Other names are refused, because a foreign page could point them here.',
    { httpStatus: 403 },
  ),
  ORIGIN_REFUSED: entry<{ origin: string }>(
    2,
    (p) => `A page of ${p.origin} asked for this, and pages of other places may not.`,
    () => 'Call the API from a page of this server, or from a program that sends no Origin.',
    { httpStatus: 403 },
  ),
  LOGIN_REQUIRED: entry<Record<never, never>>(
    2,
    () => 'This server asks for a token.',
    () => 'Send the header authorization with Bearer TOKEN in it; `sparkify token create NAME` makes one.',
    { httpStatus: 401 },
  ),
  TOKEN_REFUSED: entry<Record<never, never>>(
    2,
    () => 'The token is not known here, or was revoked.',
    () => 'Check that it is whole and meant for this server; `sparkify token create NAME` makes a new one.',
    { httpStatus: 401 },
  ),
  TOKEN_UNKNOWN: entry<{ id: string }>(
    2,
    (p) => `There is no token ${p.id}.`,
    () => '`sparkify token list` shows them.',
    { httpStatus: 404 },
  ),
  SCOPE_LACKING: entry<{ needed: string; scopes: readonly string[] }>(
    2,
    (p) => `This needs the scope ${p.needed}; the token has ${p.scopes.join(', ')}.`,
    () => 'Use a token with that scope; an admin makes one with `sparkify token create NAME --scope SCOPE`.',
    { httpStatus: 403 },
  ),
  TOO_MANY_FAILURES: entry<{ seconds: number }>(
    4,
    (p) => `Too many requests with a wrong token came from this address; it is not listened to for ${p.seconds} s.`,
    () => 'Wait, then send the right token.',
    { httpStatus: 429 },
  ),
  TOO_MANY_STREAMS: entry<{ limit: number }>(
    4,
    (p) => `There are ${p.limit} open streams already.`,
    () => 'Close one (each open page or `--follow` has one), or read /api/v1/events in pages.',
    { httpStatus: 429 },
  ),
  IDEMPOTENCY_KEY_REUSED: entry<{ key: string }>(
    2,
    (p) => `The Idempotency-Key "${p.key}" was used for another request.`,
    () => 'Use a new key for every new request; repeat a request with its own.',
    { httpStatus: 422 },
  ),
  REQUEST_TIMEOUT: entry<{ seconds: number }>(
    4,
    (p) => `There was no answer within ${p.seconds} s.`,
    () => 'Try again; a change that was asked for with an Idempotency-Key is not made twice.',
    { httpStatus: 503 },
  ),
  PORT_TAKEN: entry<{ host: string; port: number }>(
    4,
    (p) => `Port ${p.port} of ${p.host} is taken by another program.`,
    (p) => `Choose another one with --port ${p.port + 1}, or stop the other program.`,
    { retryable: false },
  ),
  LISTEN_FAILED: entry<{ host: string; port: number; detail: string }>(
    4,
    (p) => `The server cannot listen on ${p.host}:${p.port}: ${p.detail}`,
    () => 'Name an address of this machine with --host, and a port from 1024 on with --port.',
    { retryable: false },
  ),
  TOKEN_MISSING: entry<{ host: string }>(
    3,
    (p) =>
      `Whoever reaches ${p.host} could run everything: beyond this machine the server asks for tokens, and there is none.`,
    () =>
      'Make one first: sparkify token create NAME --scope admin. Encryption is the business of a proxy in front (docs/api.md).',
  ),
  SERVER_UNREACHABLE: entry<{ address: string; detail: string }>(
    4,
    (p) => `The server at ${p.address} does not answer: ${p.detail}`,
    () => 'See whether `sparkify up` still runs; commands work without it too.',
  ),
  SERVER_ANSWER: entry<{ address: string; detail: string }>(
    4,
    (p) => `The answer of ${p.address} cannot be understood: ${p.detail}`,
    () => 'Use the same version of sparkify on both sides: stop `sparkify up` and start it again.',
    { retryable: false },
  ),
  // carrying out
  RUN_FAILED: entry<{ run: number; code: string; message: string; remedy: string }>(
    1,
    (p) => `Run ${p.run} failed: ${p.message} [${p.code}]`,
    (p) => (p.remedy === '' ? `See \`sparkify logs ${p.run}\`.` : p.remedy),
  ),
  RUN_CANCELLED: entry<{ run: number }>(
    1,
    (p) => `Run ${p.run} was cancelled.`,
    (p) => `\`sparkify resume ${p.run}\` carries on from what is done.`,
  ),
  RUN_LEFT: entry<{ run: number; state: string }>(
    4,
    (p) => `Run ${p.run} is ${p.state}, and whoever carried it out does not answer any more.`,
    (p) =>
      `It goes on with \`sparkify up\` or \`sparkify resume ${p.run}\`; \`sparkify runs show ${p.run}\` tells how it stands.`,
  ),
  RUN_ENDED: entry<{ run: number; state: string; action: string }>(
    1,
    (p) => `Run ${p.run} cannot be ${p.action}: it has ${p.state} already.`,
    (p) => `See \`sparkify runs show ${p.run}\`; \`sparkify runs retry ${p.run}\` takes it up again.`,
  ),
  RUN_NOT_ENDED: entry<{ run: number; state: string; action: string }>(
    1,
    (p) => `Run ${p.run} cannot be ${p.action} yet: it is ${p.state}.`,
    (p) => `Wait until it has ended, or cancel it: sparkify runs cancel ${p.run}`,
  ),
  RETRY_NOTHING: entry<{ run: number }>(
    1,
    (p) => `Nothing of run ${p.run} failed, so there is nothing to retry.`,
    (p) => `Name the task to begin with: sparkify runs retry ${p.run} --from-task TASK`,
  ),
  RETRY_BLOCKED: entry<{ run: number; tasks: readonly string[]; before: readonly string[] }>(
    1,
    (p) =>
      `Nothing of run ${p.run} would run from ${p.tasks.join(', ')} on${p.before.length === 0 ? '' : `: ${p.before.join(', ')} before it did not succeed`}.`,
    (p) =>
      p.before.length === 0
        ? 'Its trigger rules skip it again; begin with an earlier task.'
        : `Retry from ${p.before[0]!} on, or mark it: sparkify tasks mark-success ${p.run} ${p.before[0]!}`,
  ),
  TASK_NOT_ENDED: entry<{ run: number; task: string; state: string; action: string }>(
    1,
    (p) => `Task ${p.task} of run ${p.run} cannot be ${p.action}: it is ${p.state}.`,
    (p) => `Wait until it has ended, or cancel the run: sparkify runs cancel ${p.run}`,
  ),
  TASK_NOT_MARKABLE: entry<{ run: number; task: string; state: string; mark: string }>(
    1,
    (p) => `Task ${p.task} of run ${p.run} cannot be marked as ${p.mark}: it is ${p.state}.`,
    (p) =>
      p.state === 'succeeded' || p.state === 'skipped'
        ? `It has ended well; to have it done again: sparkify tasks retry ${p.run} ${p.task}`
        : `Wait until it has ended, or cancel the run: sparkify runs cancel ${p.run}`,
  ),
  TASK_SET_ASIDE: entry<{ task: string; crashes: number }>(
    1,
    (p) => `Task ${p.task} was set aside: its worker died ${p.crashes} times while it ran.`,
    () =>
      'Look for what it does to its process (memory, native code, an exit); its logs end where it died. Then retry it.',
  ),
  POOL_UNKNOWN: entry<{ pipeline: string; task: string; pool: string; known: readonly string[] }>(
    3,
    (p) => `Task ${p.task} of pipeline ${p.pipeline} wants slots of the pool "${p.pool}", which there is not.`,
    (p) =>
      `Define it under \`pools\` in sparkify.config.ts${p.known.length === 0 ? '' : `, or take one of: ${p.known.join(', ')}`}.`,
  ),
  POOL_TOO_SMALL: entry<{ pipeline: string; task: string; pool: string; slots: number; needed: number }>(
    3,
    (p) =>
      `Task ${p.task} of pipeline ${p.pipeline} wants ${p.needed} slots of the pool "${p.pool}", which has ${p.slots}.`,
    () => 'Give the pool more slots in sparkify.config.ts, or let the task take fewer (`poolSlots`).',
  ),
  TASK_TIMEOUT: entry<{ task: string; limitMs: number }>(
    1,
    (p) => `Task ${p.task} was not done within ${Math.round(p.limitMs / 100) / 10} s and was interrupted.`,
    () => 'Run it again, or give the task a longer `timeout`.',
    { retryable: true },
  ),
  TASK_INTERRUPTED: entry<{ task: string; why: string }>(
    1,
    (p) => `Task ${p.task} was interrupted: ${p.why}`,
    () => 'Nothing needs to be done: another attempt takes it up, unless the run was cancelled.',
    { retryable: true },
  ),
  TASK_STRAY_ERROR: entry<{ task: string; detail: string }>(
    1,
    (p) => `Something that task ${p.task} began, and did not wait for, failed: ${p.detail}`,
    () => 'Await every promise in the function, and catch errors in callbacks of timers and streams.',
    { retryable: true },
  ),
  TASK_GONE: entry<{ pipeline: string; task: string }>(
    1,
    (p) => `Pipeline ${p.pipeline} has no task ${p.task} any more; the run began when it had.`,
    (p) => `Begin a new run: sparkify run ${p.pipeline}`,
  ),
  RUN_OUTDATED: entry<{ pipeline: string; run: number }>(
    1,
    (p) => `What pipeline ${p.pipeline} computes has changed since run ${p.run} began.`,
    (p) =>
      `Take the change back and retry the run, or run the interval anew under today's definition: sparkify backfill ${p.pipeline} --scope failed`,
  ),
  PIPELINE_GONE: entry<{ pipeline: string }>(
    3,
    (p) => `The project has no pipeline ${p.pipeline} any more.`,
    (p) =>
      `Bring it back under \`pipelines\` in sparkify.config.ts and retry, or cancel its runs: sparkify runs list ${p.pipeline}`,
  ),
  PIPELINE_BROKEN: entry<{ pipeline: string; detail: string }>(
    3,
    (p) => `Pipeline ${p.pipeline} cannot be loaded: ${p.detail}`,
    () => 'Correct its definition; its runs go on by themselves when it loads again.',
  ),
  SEGMENTS_APART: entry<{ other: string }>(
    3,
    (p) => `The segments lie elsewhere than those of another worker (${p.other}).`,
    () =>
      'Let `segments` in sparkify.config.ts name one folder or bucket that all machines see: what one of them stages, the others read.',
  ),
  NODE_RUNNING: entry<{ what: string; holder: string }>(
    4,
    (p) => `\`sparkify ${p.what}\` runs already on this project: ${p.holder}.`,
    () => 'Use that one, or stop it first. Several at a time need a PostgreSQL store (`store` in sparkify.config.ts).',
    { retryable: false },
  ),
  // anything unforeseen
  INTERNAL: entry<{ detail: string }>(
    1,
    (p) => `Something that should not happen did: ${p.detail}`,
    () => 'Nothing was published. Please report this with the command and the output of `sparkify doctor`.',
    { httpStatus: 500 },
  ),
} as const;

export type ErrorCode = keyof typeof errorCatalogue;
export type ErrorParams<C extends ErrorCode> = Parameters<(typeof errorCatalogue)[C]['message']>[0];

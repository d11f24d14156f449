/**
 * Every error a person can meet, keyed by its code. `docs/errors.md` is generated from this table and a test holds
 * the two equal. A message says what happened, a remedy what to do about it; neither may carry a secret.
 */
export interface ErrorEntry<P> {
  readonly message: (params: P) => string;
  readonly remedy: (params: P) => string;
  /** May the same action succeed later without anybody changing anything? */
  readonly retryable: boolean;
  readonly httpStatus: number;
  /** 1 run or check failed, 2 usage, 3 configuration or project, 4 unreachable. */
  readonly exitCode: 1 | 2 | 3 | 4;
}

function entry<P>(
  exitCode: ErrorEntry<P>['exitCode'],
  message: (params: P) => string,
  remedy: (params: P) => string,
  rest: { retryable?: boolean; httpStatus?: number } = {},
): ErrorEntry<P> {
  const httpStatus = rest.httpStatus ?? ({ 1: 409, 2: 400, 3: 422, 4: 503 } as const)[exitCode];
  return { message, remedy, exitCode, retryable: rest.retryable ?? exitCode === 4, httpStatus };
}

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
    (p) => `${p.interval} is no interval of the schedule of pipeline ${p.pipeline}.`,
    (p) => `The nearest one is ${p.near}; \`sparkify run\` takes any interval.`,
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
  // warehouse
  WAREHOUSE_BUSY: entry<{ path: string; holder: string }>(
    4,
    (p) => `The warehouse ${p.path} is in use by ${p.holder}.`,
    () => 'Wait until it has ended, or stop it; an embedded file belongs to one process at a time.',
  ),
  WAREHOUSE_HOLDER_ENDED: entry<{ path: string; pid: number }>(
    4,
    (p) => `Process ${p.pid}, through which ${p.path} was read, has ended before the reading did.`,
    () => 'Run the command again: the file is free now, or another process serves it.',
  ),
  WAREHOUSE_MISSING: entry<{ path: string }>(
    3,
    (p) => `There is no warehouse ${p.path} yet.`,
    () =>
      'A first run makes it: sparkify run PIPELINE. If it should be there, check --warehouse and the configuration.',
  ),
  WAREHOUSE_INVALID: entry<{ path: string; detail: string }>(
    3,
    (p) => `${p.path} is no DuckDB file that this version can read: ${p.detail}`,
    () => 'Name another file with --warehouse duckdb:PATH, or move this one away.',
  ),
  WAREHOUSE_OPEN_FAILED: entry<{ target: string; detail: string }>(
    4,
    (p) => `The warehouse ${p.target} cannot be opened: ${p.detail}`,
    () => 'Check the path or address and its permissions; `sparkify doctor` looks at each of them.',
  ),
  WAREHOUSE_URL_INVALID: entry<{ url: string; detail: string }>(
    2,
    (p) => `"${p.url}" names no warehouse: ${p.detail}`,
    () => 'Write duckdb:PATH or postgresql://user@host:port/database.',
  ),
  WAREHOUSE_AUTH_FAILED: entry<{ target: string; user: string; detail: string }>(
    4,
    (p) => `${p.target} does not let "${p.user}" in: ${p.detail}`,
    () =>
      'Check user and password. The password is taken from the URL, PGPASSWORD, or a pass file (PGPASSFILE, ~/.pgpass) that only you may read.',
    { retryable: false },
  ),
  WAREHOUSE_DATABASE_MISSING: entry<{ target: string; database: string }>(
    4,
    (p) => `${p.target} has no database "${p.database}".`,
    (p) => `Create it (createdb ${p.database}), or name another one in the URL.`,
    { retryable: false },
  ),
  WAREHOUSE_UNREACHABLE: entry<{ target: string; detail: string }>(
    4,
    (p) => `${p.target} cannot be reached: ${p.detail}`,
    () => 'Check host and port in the URL, that the server runs, and that no firewall stands between.',
  ),
  WAREHOUSE_TLS_FAILED: entry<{ target: string; detail: string }>(
    4,
    (p) => `No trusted TLS connection to ${p.target}: ${p.detail}`,
    () =>
      'Name the authority that signed the server with sslrootcert=FILE in the URL; sslmode=disable gives up encryption and belongs into a trusted network only.',
    { retryable: false },
  ),
  WAREHOUSE_DENIED: entry<{ user: string; detail: string }>(
    3,
    (p) => `"${p.user}" may not do that: ${p.detail}`,
    (p) => `Let the owner of the database grant it, for example: grant create on database … to "${p.user}".`,
  ),
  WAREHOUSE_LOST: entry<{ target: string; detail: string }>(
    4,
    (p) => `The connection to ${p.target} was lost: ${p.detail}`,
    () => 'Run it again: what was not committed was rolled back, and what was staged is kept.',
  ),
  WAREHOUSE_CONFLICT: entry<{ detail: string }>(
    1,
    (p) => `Somebody else worked on the same rows or tables: ${p.detail}`,
    () => 'Run it again: nothing was published.',
    { retryable: true },
  ),
  COMMIT_UNKNOWN: entry<{ detail: string }>(
    4,
    (p) => `The connection was lost while committing, so the outcome is unknown: ${p.detail}`,
    () => 'Run it again: it reads the ledger first and carries on from what was committed.',
  ),
  SQL_FAILED: entry<{ detail: string; statement: string }>(
    1,
    (p) => `A statement failed: ${p.detail}`,
    (p) => `The statement begins: ${p.statement}`,
  ),
  DISK_FULL: entry<{ what: string }>(
    1,
    (p) => `The disk is full; ${p.what} could not be written.`,
    () => 'Free some space and run it again: nothing was published, and what was staged is kept.',
    { retryable: true },
  ),
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
  // sources
  SOURCE_URL_INVALID: entry<{ url: string; detail: string }>(
    2,
    (p) => `"${p.url}" names no source: ${p.detail}`,
    () => 'Write a folder (path or file:///path) or s3://bucket/prefix.',
  ),
  SOURCE_NOT_FOUND: entry<{ source: string; detail: string; fix?: string }>(
    4,
    (p) => `${p.source} is not there: ${p.detail}`,
    (p) => p.fix ?? 'Check the name for a typo, and that the data has been delivered.',
    { retryable: false },
  ),
  SOURCE_ACCESS_DENIED: entry<{ source: string; action: string; detail: string; fix?: string }>(
    4,
    (p) => `${p.source} may not be ${p.action}: ${p.detail}`,
    (p) =>
      p.fix ?? 'Grant s3:ListBucket and s3:GetObject (for versions s3:ListBucketVersions and s3:GetObjectVersion).',
    { retryable: false },
  ),
  SOURCE_CREDENTIALS: entry<{ source: string; detail: string; fix: string }>(
    4,
    (p) => `${p.source} cannot be opened with these credentials: ${p.detail}`,
    (p) => p.fix,
    { retryable: false },
  ),
  SOURCE_UNREACHABLE: entry<{ source: string; detail: string; fix?: string }>(
    4,
    (p) => `${p.source} cannot be reached: ${p.detail}`,
    (p) => p.fix ?? 'Check the endpoint, the network and the proxy; the run can be repeated at any time.',
  ),
  SOURCE_UNREADABLE: entry<{ object: string; detail: string; fix?: string }>(
    4,
    (p) => `${p.object} cannot be read: ${p.detail}`,
    (p) => p.fix ?? 'Check its permissions and that it is whole; nothing was published without it.',
  ),
  SOURCE_CHANGED: entry<{ object: string; detail: string }>(
    1,
    (p) => `${p.object} changed while it was being read: ${p.detail}`,
    () => 'Run it again when whatever writes it has finished.',
    { retryable: true },
  ),
  // ledger and runs
  LEDGER_NEWER: entry<{ found: number; known: number }>(
    3,
    (p) => `The ledger has format ${p.found}; this version knows up to ${p.known}.`,
    () => 'Use the newer sparkify that wrote it.',
  ),
  DEFINITION_CHANGED: entry<{ pipeline: string; differences: readonly string[] }>(
    1,
    (p) => `The definition of pipeline ${p.pipeline} changed since its last publish: ${p.differences.join('; ')}`,
    (p) => `Take the change back, or rebuild the star under it: sparkify run ${p.pipeline} --rebuild`,
  ),
  SEGMENTS_LACK: entry<{ detail: string }>(
    1,
    (p) => `The segments cannot serve this definition: ${p.detail}`,
    () => 'Read the objects again: run --rebuild --from-sources',
  ),
  CHECKS_FAILED: entry<{ failed: readonly string[] }>(
    1,
    (p) =>
      `Not published: ${p.failed.length} ${p.failed.length === 1 ? 'check' : 'checks'} failed: ${p.failed.join(', ')}`,
    () =>
      'The star is as it was. `sparkify check` shows expected and actual values with sample rows; correct the data or the check and run again.',
  ),
  QUARANTINE_SHARE: entry<{ objects: readonly string[]; share: number }>(
    1,
    (p) => `Not published: more than ${p.share * 100} % of the records are in quarantine in ${p.objects.join(', ')}`,
    () => 'See `sparkify quarantine list`; correct the source, or raise `maxQuarantineShare` of the staging.',
  ),
  OBJECTS_MISSING: entry<{ staging: string; periods: readonly string[] }>(
    1,
    (p) => `${p.staging}: no object for ${p.periods.join(', ')}, and the source says that is a failure.`,
    () => 'Deliver the objects, or declare `onMissing: "empty"`.',
    { retryable: true },
  ),
  PRUNE_REFUSED: entry<{ staging: string; gone: number; known: number; listed: number }>(
    1,
    (p) => `${p.staging}: --prune would retract ${p.gone} of ${p.known} known objects (${p.listed} listed).`,
    () => 'A listing that lost so much is more likely wrong than right. If it is right, add --yes-all.',
  ),
  SUPERSEDED: entry<{ pipeline: string; expected: number; found: number }>(
    1,
    (p) => `Another run of ${p.pipeline} published in between (epoch ${p.found}, this one began at ${p.expected}).`,
    () => 'Run it again: it starts from the star as it is now.',
    { retryable: true },
  ),
  STAR_DIFFERS: entry<{ table: string; detail: string }>(
    1,
    (p) => `Table ${p.table} is not as the last publish left it: ${p.detail}`,
    (p) => `Something else wrote to ${p.table}. Rebuild the star: sparkify run PIPELINE --rebuild`,
  ),
  SEGMENT_LOST: entry<{ path: string }>(
    1,
    (p) => `The segment ${p.path} is not there, but the ledger counts on it.`,
    () => 'Bring the segments folder back, or read the objects again: run --rebuild --from-sources',
  ),
  // lineage and quarantine
  TRACE_UNKNOWN: entry<{ detail: string; fix: string }>(
    2,
    (p) => p.detail,
    (p) => p.fix,
  ),
  QUARANTINE_UNKNOWN: entry<{ ids: readonly number[]; pipeline: string }>(
    2,
    (p) => `There is no quarantined record ${p.ids.join(', ')} of pipeline ${p.pipeline}.`,
    () => '`sparkify quarantine list` shows them with their numbers.',
  ),
  QUARANTINE_SETTLED: entry<{ id: number; state: string; action: string }>(
    1,
    (p) => `The quarantined record ${p.id} cannot be ${p.action}: it is already ${p.state}.`,
    (p) => `See \`sparkify quarantine show ${p.id}\`.`,
  ),
  CORRECTION_INVALID: entry<{ id: number; problems: readonly string[] }>(
    1,
    (p) => `The new text for record ${p.id} cannot be taken: ${p.problems.join('; ')}`,
    () => 'Write it as one complete record of its source, with every required field.',
  ),
  // simulator
  SIMULATION_INVALID: entry<{ detail: string }>(
    2,
    (p) => `The simulation cannot be made: ${p.detail}`,
    () => 'docs/simulator.md lists every knob and every kind of defect with its default.',
  ),
  // ingest
  JSONPATHS_INVALID: entry<{ file: string; detail: string }>(
    3,
    (p) => `The jsonpaths file ${p.file} cannot be used: ${p.detail}`,
    () => 'Write {"jsonpaths": ["$[\'field\']", …]} with one path per column of the staging table, in their order.',
  ),
  INGEST_MISMATCH: entry<{ object: string; expected: number; found: number }>(
    1,
    (p) => `${p.object}: ${p.expected} records were certified, but ${p.found} were converted. Nothing of it is staged.`,
    () => 'Run it again. If it happens again, please report it with the object: two readers disagree about it.',
  ),
  DISK_FULL_AHEAD: entry<{ directory: string; neededBytes: number; freeBytes: number }>(
    1,
    (p) =>
      `Reading needs about ${Math.ceil(p.neededBytes / 1e6)} MB in ${p.directory}; ${Math.ceil((p.neededBytes - p.freeBytes) / 1e6)} MB are missing.`,
    () => 'Free some space, or place the warehouse on a larger disk. Nothing was read.',
    { retryable: true },
  ),
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
  BACKFILL_UNKNOWN: entry<{ backfill: number }>(
    2,
    (p) => `There is no backfill ${p.backfill}.`,
    () => '`sparkify backfill list` shows them.',
    { httpStatus: 404 },
  ),
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
      'Look for what it does to its process (memory, native code, process.exit); its logs end where it died. Then retry it.',
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

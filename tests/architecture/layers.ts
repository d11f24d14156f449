/**
 * Who may import whom: every folder of `src` (and `pipelines`), and the folders or single files it may reach into.
 * An entry with a `/` means that one file and nothing beside it.
 */
export type Layers = Readonly<Record<string, readonly string[]>>;

const starAndBelow = ['core', 'pipeline', 'segments', 'warehouse', 'ledger', 'star'];

export const layers: Layers = {
  core: [],
  pipeline: ['core'],
  sources: ['core', 'pipeline'],
  segments: ['core', 'sources'],
  warehouse: ['core', 'pipeline', 'segments/store.ts', 'segments/folder.ts'],
  ingest: ['core', 'pipeline', 'segments/store.ts', 'warehouse', 'sources'],
  ledger: ['core', 'pipeline', 'warehouse', 'ingest/staged.ts'],
  star: ['core', 'pipeline', 'segments/store.ts', 'warehouse', 'ledger'],
  quality: starAndBelow,
  lineage: [...starAndBelow, 'sources', 'ingest/scan/syntax.ts'],
  operators: [...starAndBelow, 'sources', 'ingest', 'quality'],
  orchestrator: ['core', 'pipeline', 'warehouse', 'sources', 'ledger', 'operators'],
  server: ['core', 'pipeline', 'orchestrator'],
  // Knows the formats, not the warehouse that reads them: only the names of the reasons for quarantine.
  simulator: ['core', 'ingest/staged.ts'],
  // What a project imports as 'sparkify'.
  'index.ts': ['core', 'pipeline', 'cli/define-config.ts'],
  pipelines: [],
  cli: [
    ...starAndBelow,
    'sources',
    'ingest',
    'quality',
    'lineage',
    'operators',
    'orchestrator',
    'server',
    'simulator',
    'index.ts',
    'pipelines',
  ],
};

/** Packages, and the only places that may import them; a package that is not named here may not be imported at all. */
export const packages: Readonly<Record<string, readonly string[]>> = {
  '@aws-sdk/client-s3': ['src/sources/s3/'],
  '@aws-sdk/credential-providers': ['src/sources/s3/'],
  '@duckdb/node-api': ['src/warehouse/duckdb/'],
  '@hono/node-server': ['src/server/'],
  '@hono/zod-openapi': ['src/server/'],
  commander: ['src/cli/'],
  croner: ['src/pipeline/'],
  hono: ['src/server/'],
  jiti: ['src/cli/'],
  kysely: ['src/orchestrator/'],
  libsql: ['src/orchestrator/store/'],
  pg: ['src/warehouse/postgres/', 'src/orchestrator/store/'],
  'pg-copy-streams': ['src/warehouse/postgres/'],
  picocolors: ['src/cli/'],
  pino: ['src/orchestrator/logs/'],
  sparkify: ['pipelines/'],
  undici: ['src/sources/s3/'],
  zod: ['src/cli/', 'src/orchestrator/', 'src/pipeline/', 'src/server/', 'src/simulator/', 'src/index.ts'],
};

/** What belongs to the composition root alone. */
export const processWords = /\bprocess\.(?:env|exit|exitCode|argv|stdin|stdout|stderr)\b|\bconsole\.\w/u;
export const processFolder = 'src/cli/';

/** Engines are told apart by their capabilities; only `warehouse/` knows their names. */
export const engineWords = /\bdialect\.name\s*[!=]==?/u;
export const engineFolder = 'src/warehouse/';

export const longestFileLines = 500;

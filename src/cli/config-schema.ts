import { z } from 'zod';
import { nearest } from '../core/nearest.ts';
import { alertKinds } from '../orchestrator/alerts/targets.ts';
import type { Pipeline } from '../pipeline/define.ts';

/** A pipeline is known by its shape, so that one built by another copy of the package is one too. */
export const pipelineSchema = z.custom<Pipeline>(
  (value) => typeof value === 'object' && value !== null && (value as { kind?: unknown }).kind === 'pipeline',
  { error: 'is no pipeline; write definePipeline({ … })' },
);

const s3Schema = z.strictObject({
  region: z.string().min(1).optional(),
  endpoint: z.url().optional(),
  profile: z.string().min(1).optional(),
  roleArn: z.string().min(1).optional(),
  anonymous: z.boolean().optional(),
  connections: z.int().min(1).max(256).optional(),
});

const alertSchema = z.strictObject({
  webhook: z.url({ protocol: /^https?$/, error: 'write an address such as https://hooks.example.com/…' }),
  secret: z.string().min(8, 'a secret has at least 8 characters').optional(),
  on: z.array(z.enum(alertKinds)).min(1, 'name what it is called for, or leave it out for everything').optional(),
});

const serverSchema = z.strictObject({
  host: z.string().min(1).optional(),
  port: z.int().min(1).max(65_535).optional(),
  hosts: z
    .array(z.string().regex(/^[a-z0-9._-]+$/i, 'write a name without a port, such as data.example.org'))
    .optional(),
});

export const configSchema = z.strictObject({
  warehouse: z.string().min(1).optional(),
  pipelines: z
    .array(z.union([z.string().min(1), pipelineSchema], { error: 'is neither a pipeline nor the path of one' }))
    .optional(),
  params: z.record(z.string(), z.record(z.string(), z.unknown())).optional(),
  segments: z.string().min(1).optional(),
  segmentsCache: z.string().min(1).optional(),
  s3: s3Schema.optional(),
  memoryLimit: z
    .string()
    .regex(/^\d+(\.\d+)?\s*([KMGT]i?)?B$/i, 'write a size such as 512MB or 2GB')
    .optional(),
  threads: z.int().min(1).max(1024).optional(),
  store: z.string().min(1).optional(),
  pools: z
    .record(
      z.string().min(1),
      z.int().min(1, 'a pool has at least 1 slot; nothing in it would ever start').max(1_000_000),
    )
    .optional(),
  alerts: z.array(alertSchema).optional(),
  server: serverSchema.optional(),
});

export type ParsedConfig = z.output<typeof configSchema>;

/** The first problems of a configuration as one sentence: `warehouse: …; threads: …`. */
export function configProblems(error: z.ZodError): string {
  return error.issues
    .slice(0, 5)
    .map((issue) => {
      const place = issue.path.join('.');
      const message = issue.code === 'unrecognized_keys' ? unknownFields(issue.keys, place) : issue.message;
      return place === '' ? message : `${place}: ${message}`;
    })
    .join('; ');
}

function unknownFields(keys: readonly string[], place: string): string {
  const fields: Readonly<Record<string, object>> = { '': configSchema, s3: s3Schema, server: serverSchema };
  const shape = fields[place];
  const known = shape instanceof z.ZodObject ? Object.keys(shape.shape) : [];
  return keys
    .map((key) => {
      const near = nearest(key, known);
      return `there is no field "${key}"${near === undefined ? '' : `, did you mean ${near}?`}`;
    })
    .join('; ');
}

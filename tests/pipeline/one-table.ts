import { z } from 'zod';
import { col, read } from '../../src/pipeline/column.ts';
import {
  definePipeline,
  type Orchestration,
  type PipelineBody,
  type ResolvedPipeline,
  resolvePipeline,
} from '../../src/pipeline/define.ts';
import { fact, type Staging, staging } from '../../src/pipeline/tables.ts';
import type { TaskSet } from '../../src/pipeline/task.ts';

export const visits = staging('staging_visits', {
  doc: 'Visits.',
  root: '/nowhere',
  template: '{yyyy}/{MM}/{dd}.json',
  columns: {
    visit: read.integer({ required: true, doc: 'Number.' }),
    ts: read.epochMs({ required: true, doc: 'When.' }),
  },
  key: ['visit'],
  eventTime: 'ts',
});

export const visitFacts = fact('visits', {
  doc: 'One row a visit.',
  from: visits,
  columns: { visit: col.bigint({ sql: 'r.visit', nullable: false, doc: 'Number.' }) },
  key: ['visit'],
});

/** A pipeline of one table with these tasks. */
export function withTasks(
  tasks: TaskSet,
  orchestration: Orchestration = {},
  stagings: readonly Staging[] = [visits],
): ResolvedPipeline {
  const define = (): PipelineBody => ({ stagings, tables: [visitFacts], tasks });
  return resolvePipeline(definePipeline({ name: 'visits', params: z.object({}), define, ...orchestration }), {});
}

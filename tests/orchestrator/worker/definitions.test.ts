import { resolvePipeline } from 'sparkify';
import { describe, expect, test } from 'vitest';
import { toSparkifyError } from '../../../src/core/errors.ts';
import { Definitions } from '../../../src/orchestrator/worker/definitions.ts';
import type { RunFacts } from '../../../src/orchestrator/worker/run-facts.ts';
import type { ResolvedPipeline } from '../../../src/pipeline/define.ts';
import { graphOf } from '../../../src/pipeline/graph-of.ts';
import { visitsPipeline } from '../../operators/visits.ts';

const visits = (maxPlace = 10): ResolvedPipeline => resolvePipeline(visitsPipeline, { root: '/in', maxPlace });
const runOf = (pipeline: ResolvedPipeline, more: Partial<RunFacts> = {}): RunFacts => ({
  id: 7,
  pipeline: pipeline.name,
  kind: 'scheduled',
  interval: { startMs: 0, endMs: 1 },
  request: { params: {} },
  semanticVersion: graphOf(pipeline).semanticVersion,
  createdAtMs: 0,
  ...more,
});
const inForce = (pipeline: ResolvedPipeline) => () => graphOf(pipeline).semanticVersion;
const loaded = (...resolved: readonly ResolvedPipeline[]) => new Definitions({ resolved, broken: [] });

describe('what an attempt runs with', () => {
  test('is today’s code, under the parameters of its run', () => {
    const definitions = loaded(visits());
    const run = runOf(visits(), { request: { params: { root: '/other' } } });
    const found = definitions.find(run, 'load_visits', inForce(visits()));
    expect(found).toMatchObject({
      kind: 'found',
      task: { name: 'load_visits' },
      pipeline: { params: { root: '/other' } },
    });
    // Resolved once for all tasks of such runs.
    const again = definitions.find(run, 'publish', inForce(visits()));
    expect(again.kind === 'found' && found.kind === 'found' && again.pipeline === found.pipeline).toBe(true);
  });

  test('other schedules, retries and functions change nothing for a run under way', () => {
    const today = { ...visits(), maxActiveRuns: 3, deadlineMs: 5 };
    expect(loaded(today).find(runOf(visits()), 'publish', inForce(today)).kind).toBe('found');
  });

  test('what is computed otherwise now fails a scheduled run, and is what a person’s run is given', () => {
    const definitions = loaded(visits(5));
    expect(() => definitions.find(runOf(visits()), 'publish', inForce(visits(5)))).toThrow(
      expect.objectContaining({ code: 'RUN_OUTDATED', message: expect.stringContaining('run 7') }),
    );
    expect(definitions.find(runOf(visits(), { kind: 'manual' }), 'publish', inForce(visits(5)))).toMatchObject({
      kind: 'found',
      pipeline: { params: { maxPlace: 5 } },
    });
  });

  test('a worker with older code than the run leaves it to others', () => {
    const found = loaded(visits(5)).find(runOf(visits()), 'publish', inForce(visits()));
    expect(found).toEqual({ kind: 'not-here', reason: 'this worker has another definition of visits than the run' });
  });

  test('what does not load is waited for; what is gone is an error', () => {
    const error = toSparkifyError(new Error('no such module'));
    const definitions = new Definitions({ resolved: [], broken: [{ name: 'visits', error }] });
    expect(definitions.find(runOf(visits()), 'publish', inForce(visits()))).toMatchObject({
      kind: 'not-here',
      reason: expect.stringContaining('no such module'),
    });
    definitions.replace({ resolved: [], broken: [] });
    expect(() => definitions.find(runOf(visits()), 'publish', inForce(visits()))).toThrow(
      expect.objectContaining({ code: 'PIPELINE_GONE' }),
    );
    definitions.replace({ resolved: [visits()], broken: [] });
    expect(() => definitions.find(runOf(visits()), 'dream', inForce(visits()))).toThrow(
      expect.objectContaining({ code: 'TASK_GONE' }),
    );
  });
});

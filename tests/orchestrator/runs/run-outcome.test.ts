import { describe, expect, test } from 'vitest';
import type { TaskState } from '../../../src/orchestrator/model/states.ts';
import { indexGraph } from '../../../src/orchestrator/runs/run-graph.ts';
import { judgeRun } from '../../../src/orchestrator/runs/run-outcome.ts';
import { graphOfTasks, graphTask } from '../graphs.ts';

const graph = indexGraph(
  graphOfTasks([
    graphTask('fetch'),
    graphTask('fetch_copy', { after: ['fetch'], trigger: 'any_failed' }),
    graphTask('load', { after: ['fetch', 'fetch_copy'], trigger: 'all_done' }),
    graphTask('publish', { after: ['load'] }),
    graphTask('repair', { after: ['publish'], trigger: 'any_failed' }),
    graphTask('clear_up', { after: ['publish'], trigger: 'all_done' }),
    graphTask('close', { after: ['repair'], trigger: 'none_failed' }),
  ]),
);
const judge = (states: Record<string, TaskState>) => judgeRun(graph, new Map(Object.entries(states)));

describe('the outcome of a run', () => {
  test('is success when nothing failed, whatever was skipped', () => {
    expect(judge({ fetch: 'succeeded', fetch_copy: 'skipped', load: 'succeeded', publish: 'succeeded' }).state).toBe(
      'succeeded',
    );
  });

  test('is failure when a task at the end failed or was held up, and names what failed', () => {
    expect(judge({ fetch: 'succeeded', load: 'failed', publish: 'upstream_failed' })).toEqual({
      state: 'failed',
      culprit: 'load',
    });
    expect(judge({ load: 'succeeded', publish: 'failed' })).toEqual({ state: 'failed', culprit: 'publish' });
  });

  test('is success when a task for the failure succeeded in its place', () => {
    expect(judge({ fetch: 'failed', fetch_copy: 'succeeded', load: 'succeeded', publish: 'succeeded' }).state).toBe(
      'succeeded',
    );
    expect(judge({ fetch: 'failed', fetch_copy: 'failed', load: 'succeeded', publish: 'succeeded' })).toEqual({
      state: 'failed',
      culprit: 'fetch',
    });
  });

  test('is success when all that was held up by the failure was rescued further down', () => {
    const states = {
      load: 'failed',
      publish: 'upstream_failed',
      repair: 'succeeded',
      clear_up: 'succeeded',
      close: 'succeeded',
    } as const;
    expect(judge(states).state).toBe('succeeded');
    expect(judge({ ...states, repair: 'failed' })).toEqual({ state: 'failed', culprit: 'load' });
  });

  test('is failure when a task at the end only told of it', () => {
    expect(judge({ publish: 'failed', repair: 'succeeded' })).toEqual({ state: 'failed', culprit: 'publish' });
  });

  test('is failure when only clearing up followed', () => {
    expect(judge({ publish: 'failed', repair: 'skipped', clear_up: 'succeeded' }).state).toBe('failed');
  });

  test('is cancelled when any task was', () => {
    expect(judge({ fetch: 'failed', load: 'cancelled' })).toEqual({ state: 'cancelled', culprit: 'load' });
  });
});

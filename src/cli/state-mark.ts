import type { Colors } from 'picocolors/types.js';
import type {
  AttemptState,
  BackfillCellState,
  BackfillState,
  RunState,
  TaskState,
} from '../orchestrator/model/states.ts';

export type ShownState =
  | RunState
  | TaskState
  | AttemptState
  | BackfillState
  | BackfillCellState
  | 'done'
  | 'missing'
  | 'stale';

/** A shape for each state, so that nobody needs to see its colour. */
const MARKS: Readonly<Record<ShownState, readonly [mark: string, color: 'green' | 'red' | 'yellow' | 'cyan' | 'dim']>> =
  {
    succeeded: ['✓', 'green'],
    done: ['✓', 'green'],
    failed: ['✗', 'red'],
    crashed: ['✗', 'red'],
    upstream_failed: ['⊘', 'red'],
    running: ['▶', 'cyan'],
    expanded: ['▶', 'cyan'],
    cancelling: ['◌', 'yellow'],
    cancelled: ['○', 'dim'],
    paused: ['‖', 'yellow'],
    queued: ['·', 'dim'],
    waiting: ['·', 'dim'],
    planned: ['·', 'dim'],
    ready: ['›', 'cyan'],
    skipped: ['↷', 'dim'],
    missing: ['·', 'dim'],
    stale: ['~', 'yellow'],
  };

/** Its shape and its word: ✓ succeeded. */
export function stateText(state: ShownState): string {
  return `${stateMark(state)} ${state.replace('_', ' ')}`;
}

export function stateMark(state: ShownState): string {
  return MARKS[state][0];
}

export function inStateColor(colors: Colors, state: ShownState, text: string): string {
  return colors[MARKS[state][1]](text);
}

import { type CliContext, line } from '../context.ts';
import { type ControlFlags, withControl } from '../control.ts';
import { jsonText } from '../output.ts';

interface PauseFlags extends ControlFlags {
  readonly json?: boolean;
}

/** `sparkify pause`: its schedule makes no runs any more; those under way go on. */
export function pause(context: CliContext, flags: PauseFlags, pipeline: string): Promise<number> {
  return change(context, flags, 'pausePipeline', pipeline);
}

/** `sparkify unpause`: its schedule goes on. */
export function unpause(context: CliContext, flags: PauseFlags, pipeline: string): Promise<number> {
  return change(context, flags, 'unpausePipeline', pipeline);
}

async function change(
  context: CliContext,
  flags: PauseFlags,
  operation: 'pausePipeline' | 'unpausePipeline',
  pipeline: string,
): Promise<number> {
  return withControl(context, { ...flags, register: true, keeps: true }, async ({ api }) => {
    const answer = await api.call(operation, { params: { pipeline }, body: {} });
    if (flags.json === true) await line(context.out, jsonText(answer, 2));
    else {
      const is = answer.paused
        ? 'paused: its schedule makes no runs; those under way go on'
        : 'not paused: its schedule makes runs';
      await line(context.out, `${pipeline} is ${answer.changed ? 'now ' : ''}${is}`);
    }
    return 0;
  });
}

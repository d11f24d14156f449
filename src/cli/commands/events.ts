import { describeEvent } from '../../orchestrator/events/describe-event.ts';
import type { StoredEvent } from '../../orchestrator/events/stored-event.ts';
import { type CliContext, line } from '../context.ts';
import { type ControlFlags, withControl } from '../control.ts';
import { jsonText, writeJsonArray } from '../output.ts';
import { visible } from '../text-width.ts';

export interface EventsFlags extends ControlFlags {
  readonly follow?: boolean;
  readonly after?: number;
  readonly limit?: number;
  readonly pipeline?: string;
  readonly run?: number;
  readonly type?: readonly string[];
  readonly json?: boolean;
}

/** What is shown of the past when nobody says from where on. */
const LATEST = 50;
const PAGE = 1000;

/** `sparkify events`: what happened, oldest first; with `--follow` as it happens. */
export async function events(context: CliContext, flags: EventsFlags): Promise<number> {
  return withControl(context, flags, async ({ api }) => {
    const filters = { pipeline: flags.pipeline, run: flags.run, type: flags.type?.join(',') };
    const limit = flags.limit ?? (flags.after === undefined ? LATEST : Number.POSITIVE_INFINITY);
    const past = async function* (): AsyncGenerator<StoredEvent, void, undefined> {
      let after = flags.after;
      for (let left = limit; left > 0; ) {
        const query = { ...filters, after, limit: Math.min(left, PAGE), latest: after === undefined };
        const page = await api.call('listEvents', { query });
        yield* page.items as readonly StoredEvent[];
        left -= page.items.length;
        if (!page.more || after === undefined) return;
        after = page.next;
      }
    };
    if (flags.follow !== true) {
      if (flags.json === true) await writeJsonArray(context.out, past());
      else await printAll(context, past());
      return 0;
    }
    const show = (event: StoredEvent): Promise<void> =>
      line(context.out, flags.json === true ? jsonText(event) : eventText(context, event));
    let after = flags.after;
    for await (const event of past()) {
      await show(event);
      after = event.seq;
    }
    const options = { signal: context.signal };
    // Without any event yet, all of them are to come.
    const live = api.stream('followEvents', { query: { ...filters, after: after ?? 0 } }, options);
    for await (const event of live) await show(event as StoredEvent);
    return 0;
  });
}

async function printAll(context: CliContext, found: AsyncIterable<StoredEvent>): Promise<void> {
  let count = 0;
  for await (const event of found) {
    count++;
    await line(context.out, eventText(context, event));
  }
  if (count === 0) await line(context.err, context.errColors.dim('no events'));
}

/** `1187  2018-11-01 07:00:05Z  Run 42 of sparkify: started.` */
function eventText(context: CliContext, event: StoredEvent): string {
  const c = context.outColors;
  const time = `${new Date(event.at).toISOString().slice(0, 19).replace('T', ' ')}Z`;
  const text = visible(describeEvent(event));
  const bad = /\.(?:failed|crashed|late|broken|lost|upstream_failed)$/.test(event.type);
  const good = /\.(?:succeeded|recovered)$/.test(event.type);
  return `${c.dim(`${String(event.seq).padStart(6)}  ${time}`)}  ${bad ? c.red(text) : good ? c.green(text) : text}`;
}

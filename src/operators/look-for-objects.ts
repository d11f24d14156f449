import type { SensorLook } from '../pipeline/function-context.ts';
import { formatInstant, type Interval, isAllTime } from '../pipeline/interval.ts';
import type { Staging } from '../pipeline/tables.ts';
import { compileTemplate } from '../pipeline/template.ts';
import type { Source } from '../sources/source.ts';
import { type LookListener, looseLook } from './source-look.ts';

/**
 * Whether each period of the interval has an object of the staging; of a staging without a template, whether there is
 * any. Nothing is waited for over all time.
 * @throws SOURCE_*
 */
export async function lookForObjects(
  staging: Staging,
  at: {
    readonly interval: Interval;
    readonly signal: AbortSignal;
    readonly openSource: (root: string) => Promise<Source>;
    readonly pipeline: { readonly name: string };
    readonly onLook?: LookListener;
  },
): Promise<SensorLook> {
  if (isAllTime(at.interval)) return { ready: true, detail: 'over all time nothing is waited for' };
  const template = staging.template === undefined ? undefined : compileTemplate(staging.template);
  const source = await at.openSource(staging.root);
  try {
    const within = template?.widen(at.interval, 0, 0);
    const listing = await source.list({
      endings: staging.endings,
      ...(template === undefined ? {} : { template: template.text }),
      ...(within === undefined ? {} : { interval: within }),
      signal: at.signal,
    });
    await at.onLook?.(looseLook({ pipeline: at.pipeline.name, staging, listing, within }));
    const { objects } = listing;
    const count = `${objects.length} ${objects.length === 1 ? 'object' : 'objects'}`;
    if (template === undefined)
      return { ready: objects.length > 0, detail: objects.length > 0 ? count : `no object in ${staging.root}` };
    const there = new Set(objects.flatMap((o) => template.match(o.key)?.startMs ?? []));
    const missing = template.periods(at.interval).filter((p) => !there.has(p.startMs));
    if (missing.length === 0) return { ready: true, detail: count };
    const names = missing.slice(0, 5).map((p) => formatInstant(p.startMs));
    const more = missing.length > 5 ? ` and ${missing.length - 5} more periods` : '';
    return { ready: false, detail: `no object for ${names.join(', ')}${more}` };
  } finally {
    await source.close();
  }
}

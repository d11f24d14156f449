import { compileTemplate, keyInInterval } from '../pipeline/template.ts';
import type { ListOptions } from './source.ts';

/** Which keys of a root a listing is about. */
export interface Selection {
  /** Key prefixes below the root that hold everything asked for; `['']` for all of it. */
  readonly prefixes: readonly string[];
  /** `take`, `leave` (another period: not mentioned), or the reason to report the key as skipped. */
  judge(key: string): 'take' | 'leave' | { readonly reason: string };
}

/** @throws TEMPLATE_INVALID */
export function selectKeys(options: Pick<ListOptions, 'endings' | 'template' | 'interval'>): Selection {
  const { endings, interval } = options;
  const template = options.template === undefined ? undefined : compileTemplate(options.template);
  return {
    prefixes: template === undefined || interval === undefined ? [''] : template.prefixesFor(interval),
    judge: (key) => {
      if (!endings.some((e) => key.endsWith(e))) return { reason: `its name does not end in ${endings.join(', ')}` };
      if (template === undefined) return 'take';
      const inside = keyInInterval(template, key, interval);
      if (inside === undefined) return { reason: `it does not fit the template ${template.text}` };
      return inside ? 'take' : 'leave';
    },
  };
}

/** Can a folder (its key with a final `/`, or '' for the root) hold keys with one of the prefixes? */
export function mayHold(prefixes: readonly string[], folder: string): boolean {
  return prefixes.some((p) => p.startsWith(folder) || folder.startsWith(p));
}

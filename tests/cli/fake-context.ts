import pc from 'picocolors';
import type { CliContext } from '../../src/cli/context.ts';
import { noFailpoints } from '../../src/core/failpoints.ts';

export interface FakeContext extends CliContext {
  readonly output: () => string;
  readonly errors: () => string;
}

/** A context that keeps what is written. No terminal, no colours, no environment, unless they are given. */
export function fakeContext(overrides: Partial<CliContext> = {}): FakeContext {
  const written = { out: '', err: '' };
  const sink = (name: 'out' | 'err') => ({
    write: async (text: string) => {
      written[name] += text;
    },
  });
  return {
    out: sink('out'),
    err: sink('err'),
    outColors: pc.createColors(false),
    errColors: pc.createColors(false),
    live: false,
    interactive: false,
    columns: 100,
    env: {},
    cwd: '/',
    signal: new AbortController().signal,
    failpoints: noFailpoints,
    onInterrupt: () => () => {},
    ask: async () => undefined,
    readInput: async () => '',
    output: () => written.out,
    errors: () => written.err,
    ...overrides,
  };
}

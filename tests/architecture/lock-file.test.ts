import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

interface Locked {
  readonly version?: string;
  readonly resolved?: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

const lock = JSON.parse(readFileSync(new URL('../../package-lock.json', import.meta.url), 'utf8')) as {
  readonly packages: Readonly<Record<string, Locked>>;
};

/** Packages that something in the lock file asks for and that the lock file does not name. */
function missing(packages: Readonly<Record<string, Locked>>): readonly string[] {
  const named = new Set(Object.keys(packages).map((path) => path.slice(path.lastIndexOf('node_modules/') + 13)));
  const asked = Object.values(packages).flatMap((p) => Object.keys({ ...p.dependencies, ...p.optionalDependencies }));
  return [...new Set(asked)].filter((name) => !named.has(name)).sort();
}

it('the lock file names the packages of every platform, without which `npm ci` refuses', () => {
  expect(missing(lock.packages)).toEqual([]);
  const { 'node_modules/@duckdb/node-bindings-darwin-arm64': _, ...rest } = lock.packages;
  expect(missing(rest)).toEqual(['@duckdb/node-bindings-darwin-arm64']);
});

it('the lock file names no address of a registry', () => {
  expect(Object.entries(lock.packages).filter(([, p]) => p.resolved !== undefined)).toEqual([]);
});

#!/usr/bin/env node
import { Module } from 'node:module';
import { dirname, join } from 'node:path';
import { keepCompiledCode } from './compiled-code.ts';

const sources = import.meta.dirname;
const folder = join(dirname(sources), 'compiled');
// From 22.1 on, Node does it by itself when it is asked to.
const { enableCompileCache } = Module as { enableCompileCache?: (folder: string) => unknown };
if (enableCompileCache !== undefined) enableCompileCache(folder);
else {
  // What reads a configuration is as large as what a command is made of.
  const packages = /[\\/]node_modules[\\/]jiti[\\/]dist[\\/]jiti\.cjs$/u;
  const command = /^[a-z]+$/u.exec(process.argv[2] ?? '')?.[0] ?? 'sparkify';
  keepCompiledCode({ sources, packages, folder, command });
}

// Only now: whatever this file imports itself is compiled each time.
void import('./main.ts').then(({ main }) => main());

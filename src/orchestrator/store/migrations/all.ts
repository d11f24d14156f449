import type { SchemaWords } from '../engine.ts';
import { first } from './0001-first.ts';
import { fewerIndexEntries } from './0002-fewer-index-entries.ts';
import { pendingLots } from './0003-pending-lots.ts';

/** Statements that take the tables one step forward; never changed once released. */
export type Migration = (words: SchemaWords) => readonly string[];

/** In their order; the first is version 1. */
export const migrations: readonly Migration[] = [first, fewerIndexEntries, pendingLots];

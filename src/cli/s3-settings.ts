import type { S3Settings } from '../sources/index.ts';
import type { Project } from './project.ts';

/** How this project reaches buckets. */
export function s3Settings(project: Project): S3Settings {
  return given(project.s3);
}

/** Fields that are there; the parser leaves the others as undefined. */
function given<T extends object>(values: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  const present = Object.entries(values).filter(([, value]) => value !== undefined);
  return Object.fromEntries(present) as { [K in keyof T]: Exclude<T[K], undefined> };
}

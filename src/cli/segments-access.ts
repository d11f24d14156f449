import type { Store } from '../orchestrator/store/store.ts';
import { folderSegments } from '../segments/folder.ts';
import type { SegmentStore } from '../segments/store.ts';
import { parseWarehouseUrl } from '../warehouse/url.ts';
import type { Project } from './project.ts';
import { s3Settings } from './s3-settings.ts';

/** Where this project's segments last when its warehouse does not bring a place of its own. A bucket is reached when it is needed. */
export async function openSegments(project: Project): Promise<SegmentStore> {
  const { directory, bucketUrl } = project.segments;
  if (bucketUrl === undefined) return folderSegments(directory);
  const { bucketSegments } = await import('../segments/bucket.ts');
  return bucketSegments({ url: bucketUrl, cache: directory, s3: s3Settings(project) });
}

/**
 * Looks at the start whether segments can be kept: in a bucket always, in a folder when other machines must see it too.
 * @returns the name of their store, where several nodes must have the same
 * @throws SEGMENTS_REFUSED, SEGMENTS_UNREACHABLE, WAREHOUSE_OPEN_FAILED
 */
export async function checkSegments(project: Project, store: Store): Promise<string | undefined> {
  if (parseWarehouseUrl(project.warehouseUrl, project.directory).engine === 'duckdb') return undefined;
  const { shared } = store.capabilities;
  if (!shared && project.segments.bucketUrl === undefined) return undefined;
  const segments = await openSegments(project);
  try {
    const id = await segments.check();
    return shared ? id : undefined;
  } finally {
    await segments.close();
  }
}

import type { Failpoints } from '../core/failpoints.ts';

/** A segment as the ledger names it. */
export interface SegmentFile {
  /** Relative to the folder, with `/`. */
  readonly path: string;
  readonly sizeBytes: number;
}

/** What is kept beside the segments: small, written once. */
export interface KeptText {
  /** Relative to the store, with `/`. */
  readonly path: string;
  readonly bytes: Uint8Array;
}

export interface KeepOptions {
  readonly failpoints: Failpoints;
  readonly signal?: AbortSignal | undefined;
}

export interface BringOptions {
  readonly signal?: AbortSignal;
  /** Told when something has to be brought, and after each segment that came. */
  readonly onBrought?: (done: number, total: number) => void;
}

/** What whoever reads segments needs. */
export interface SegmentReader {
  /** Absolute path of the folder in which the compute engine finds the segments. */
  readonly directory: string;
  /**
   * Lets these segments lie in the folder, whole; most often they do. What was brought before a failure stays.
   * @throws SEGMENT_LOST, SEGMENT_DAMAGED, SEGMENTS_REFUSED, SEGMENTS_UNREACHABLE, DISK_FULL_AHEAD
   */
  bring(files: readonly SegmentFile[]): Promise<void>;
  /** A text that is kept beside the segments; undefined when it is gone. */
  readText(path: string): Promise<Uint8Array | undefined>;
}

/** A warehouse whose segments are kept: it and its copies are told apart. */
export interface Owner {
  readonly id: string;
  /** For people. */
  readonly shown: string;
}

/** Where segments, and what is kept beside them, last. They are written and read in a local folder, whatever the store. */
export interface SegmentStore extends SegmentReader {
  /** For people: the folder, or the URL of the bucket. */
  readonly shown: string;
  /**
   * Looks whether the store can be used.
   * @returns its name, the same for everybody who sees the same store
   */
  check(): Promise<string>;
  /**
   * Requires that the store is this warehouse's; one that is nobody's yet becomes it. Another one's ledger does not name
   * these segments, and would have them removed.
   * @throws SEGMENTS_TAKEN
   */
  claim(owner: () => Promise<Owner>): Promise<void>;
  bring(files: readonly SegmentFile[], options?: BringOptions): Promise<void>;
  /** Makes a segment that is finished in the folder last, before anybody hears of it; the path that it has then. */
  keep(path: string, options: KeepOptions): Promise<string>;
  /** Whether a segment that was kept is there still. */
  holds(path: string): Promise<boolean>;
  /** The segments below a pipeline's folder that lie in the store and are not merely files of the local folder. */
  kept(home: string): Promise<readonly string[]>;
  /** Segments go; one that is gone already is no error. */
  remove(paths: readonly string[]): Promise<void>;
  /** Keeps texts durably, each whole or not at all. Writing the same again changes nothing. */
  writeTexts(texts: readonly KeptText[]): Promise<void>;
  close(): Promise<void>;
}

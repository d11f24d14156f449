/** How an engine differs, so that nothing outside `warehouse/` asks for its name. Every field is required. */
export interface Capabilities {
  /** The deltas are computed in the warehouse itself. */
  readonly embedded: boolean;
  /** `staging_*` are views over the segments; otherwise tables that are loaded per segment. */
  readonly stagingInPlace: boolean;
  /** A finished table may take the place of another by renaming, without losing grants. */
  readonly swapTables: boolean;
  /** Several processes may have it open. */
  readonly concurrentProcesses: boolean;
  /** Primary keys are declared, and enforced or used for lookups. */
  readonly primaryKeys: boolean;
  /** How many loads may run side by side. */
  readonly parallelLoads: number;
}

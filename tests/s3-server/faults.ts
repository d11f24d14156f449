export type Operation =
  | 'GetObject'
  | 'HeadObject'
  | 'PutObject'
  | 'DeleteObject'
  | 'ListObjectsV2'
  | 'ListObjectVersions'
  | 'GetBucketVersioning'
  | 'HeadBucket';

/** What goes wrong instead of, or with, the answer. */
export type FaultKind =
  | { readonly kind: 'error'; readonly status: number; readonly code: string }
  /** The connection is reset before any byte of an answer. */
  | { readonly kind: 'reset' }
  /** Headers and half of the body, then a reset. */
  | { readonly kind: 'reset-mid-body' }
  /** The body is cut, and so is the announced length: only the listing's size can tell. */
  | { readonly kind: 'short-body' }
  /** Half of the body, then silence for as long as the client listens. */
  | { readonly kind: 'stalled-body' }
  /** The body in many small pieces, slowly enough to arrive as such. */
  | { readonly kind: 'slow-body' }
  /** Another content is put just before the request is answered. */
  | { readonly kind: 'change'; readonly content: string }
  | { readonly kind: 'remove' };

export type Fault = FaultKind & {
  readonly operation?: Operation;
  readonly key?: string;
  /** The fault begins after this many requests that fit. @default 0 */
  readonly after?: number;
  /** And strikes this often. @default 1 */
  readonly times?: number;
};

/** The rules in force; each counts its own requests. */
export class Faults {
  #rules: { readonly fault: Fault; seen: number }[] = [];

  constructor(faults: readonly Fault[] = []) {
    this.add(...faults);
  }

  add(...faults: readonly Fault[]): void {
    this.#rules.push(...faults.map((fault) => ({ fault, seen: 0 })));
  }

  clear(): void {
    this.#rules = [];
  }

  strike(operation: Operation, key: string): Fault | undefined {
    for (const rule of this.#rules) {
      const { fault } = rule;
      if (fault.operation !== undefined && fault.operation !== operation) continue;
      if (fault.key !== undefined && fault.key !== key) continue;
      const n = rule.seen++ - (fault.after ?? 0);
      if (n >= 0 && n < (fault.times ?? 1)) return fault;
    }
    return undefined;
  }
}

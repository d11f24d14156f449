/** What a run was asked to do besides its interval; kept with the run as JSON. */
export interface RunRequest {
  /** Parameters as given (`--set`); the project's configuration stands below them. */
  readonly params: Readonly<Record<string, unknown>>;
  /** Only these tasks and what they wait for; such a run publishes nothing. */
  readonly only?: readonly string[];
  /**
   * Exactly these tasks, as a plan has put them together: what they wait for besides is done. They publish when every task
   * on the data is among them.
   */
  readonly tasks?: readonly string[];
  readonly rebuild?: boolean;
  readonly fromSources?: boolean;
  readonly prune?: boolean;
  readonly pruneAll?: boolean;
  readonly verify?: boolean;
  readonly dryRun?: boolean;
}

/** Something that is done again and again, and says when it wants to be done next. */
export interface Step {
  readonly name: string;
  /** Also when the store has changed. */
  readonly onChange: boolean;
  /** @returns in how many milliseconds again; undefined: when the store changes */
  run(): Promise<number | undefined>;
}

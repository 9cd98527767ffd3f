/** A role that runs: what its `main.ts` gives back. */
export interface RunningRole {
  /** Where it listens, by name (`https`, `ssh`, `control`), as a user would write the address. */
  readonly addresses: Readonly<Record<string, string>>;
  /** Ends the role in order. Resolves when every socket, file and child is closed. Safe to call twice. */
  stop(reason: string): Promise<void>;
  /** Resolves with the reason when the role has ended, whoever ended it. */
  readonly stopped: Promise<string>;
}

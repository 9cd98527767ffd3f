import type { Reloaded } from './config/live-config.ts';

/** A role that runs: what its `main.ts` gives back. */
export interface RunningRole {
  /** Where it listens, by name (`https`, `ssh`, `control`), as a user would write the address. */
  readonly addresses: Readonly<Record<string, string>>;
  /** Ends the role in order. Resolves when every socket, file and child is closed. Safe to call twice. */
  stop(reason: string): Promise<void>;
  /** Resolves with the reason when the role has ended, whoever ended it. */
  readonly stopped: Promise<string>;
}

/** A role that can take over some of its configuration while it runs. */
export interface ReloadableRole<Config> extends RunningRole {
  /** Puts in force what may change, and tells what may not. Sessions go on. */
  reload(next: Config): Promise<Reloaded>;
}

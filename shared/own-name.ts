import { userInfo } from 'node:os';

/**
 * Name of the account that this process runs as, for the log of who did something; `uid-N` where the number has no
 * name, as in a container that was given one.
 */
export function ownName(): string {
  try {
    return userInfo().username;
  } catch {
    // Node.js throws for a number without an entry.
    return `uid-${process.getuid?.() ?? 'unknown'}`;
  }
}

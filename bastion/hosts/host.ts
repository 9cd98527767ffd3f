import type { Duplex } from 'node:stream';

/** A host as the bastion sees it at this moment. */
export interface Host {
  /** `a-…` of its agent, or `direct:<name>`. */
  readonly id: string;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly via: 'agent' | 'direct';
  readonly target: 'builtin' | 'sshd';
  readonly online: boolean;
  /**
   * OpenSSH public line that its SSH server must show; undefined for an sshd, whose key is pinned when it is first
   * seen.
   */
  readonly pinnedHostKey?: string;
  /** Why a connection to it that has just broken did so, as far as that is known. */
  loss(): { readonly code: string; readonly message: string };
  /**
   * Opens a byte stream to its SSH server.
   * @throws `host.offline`, `host.unreachable`, or the reason of `signal`.
   */
  connect(signal: AbortSignal): Promise<Duplex>;
}

/** What is known of a connection that has just ended without a word. */
export function lostConnection(host: string): { readonly code: string; readonly message: string } {
  return { code: 'host.lost', message: `The connection to ${host} was lost.` };
}

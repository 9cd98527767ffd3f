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
  /**
   * Opens a byte stream to its SSH server.
   * @throws `host.offline`, `host.unreachable`, or the reason of `signal`.
   */
  connect(signal: AbortSignal): Promise<Duplex>;
}

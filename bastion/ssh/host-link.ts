import type { Clock } from '../../shared/clock.ts';
import { DrawbridgeError, isDrawbridgeError, messageOf } from '../../shared/errors.ts';
import type { IncomingChannel } from '../../shared/ssh/channel-table.ts';
import { connectSsh, type SshClientConnection } from '../../shared/ssh/client-connection.ts';
import type { Host } from '../hosts/host.ts';
import type { HostKeys } from './host-keys.ts';
import type { HostSignIns, SignInName } from './host-sign-ins.ts';

/** How long key exchange and sign-in on the host may take, with the operator's own sign-in in between. */
const HOST_CONNECT_TIMEOUT_MS = 60_000;

/**
 * Receive window per channel towards hosts: what one flooding command can make the bastion hold while its operator does
 * not read. Hosts are near, so that it does not limit the rate.
 */
const HOST_WINDOW_BYTES = 256 * 1024;

/** What a {@link HostLink} needs. */
export interface HostLinkOptions {
  readonly host: Host;
  readonly login: string;
  readonly signIns: HostSignIns;
  readonly hostKeys: HostKeys;
  readonly clock: Clock;
  /**
   * `when_allowed`: not before {@link HostLink.allowSignIn}, since the customer has to be asked first, which can take
   * longer than a connection waits.
   */
  readonly begin: 'now' | 'when_allowed';
  /** The host opens a channel: towards the operator, or to their SSH agent. */
  onIncoming(incoming: IncomingChannel): void;
}

/**
 * The second SSH connection of a session, from the bastion to the host. It is begun as soon as the login is known, while
 * the operator still proves their key; it goes no further than the key exchange until {@link allowSignIn}.
 */
export class HostLink {
  /** The host, signed in on. Rejects with a sentence for the operator. */
  readonly ready: Promise<SshClientConnection>;
  readonly login: string;
  readonly #controller = new AbortController();
  readonly #signIn: Promise<SignInName | undefined>;
  #decideSignIn: (name: SignInName | undefined) => void = () => undefined;

  constructor(options: HostLinkOptions) {
    this.login = options.login;
    this.#signIn = new Promise((resolve) => {
      this.#decideSignIn = resolve;
    });
    this.ready =
      options.begin === 'now'
        ? this.#connect(options)
        : this.#signIn.then((name) => {
            if (name === undefined) throw closed();
            return this.#connect(options);
          });
    // Whoever waits for it sees the rejection; when nobody has begun to wait, it is no fault.
    this.ready.catch(() => undefined);
  }

  /**
   * The operator is admitted, and the event that says so is stored: the bastion may sign in on the host, in their name.
   */
  allowSignIn(name: SignInName): void {
    this.#decideSignIn(name);
  }

  /** Cuts the connection to the host, or the attempt at one. The host ends what ran in it. */
  destroy(): void {
    this.#decideSignIn(undefined);
    if (!this.#controller.signal.aborted) this.#controller.abort(closed());
  }

  async #connect(options: HostLinkOptions): Promise<SshClientConnection> {
    const { host, login, signIns } = options;
    try {
      return await this.#attempt(options);
    } catch (error) {
      if (!isDrawbridgeError(error, 'ssh.certificate_refused')) throw explain(error, host, login);
      // It allows one try, and the certificate was it.
      signIns.remember(host, login, 'key');
    }
    try {
      return await this.#attempt(options);
    } catch (error) {
      throw explain(error, host, login);
    }
  }

  async #attempt(options: HostLinkOptions): Promise<SshClientConnection> {
    const { host, login, signIns, hostKeys, clock, onIncoming } = options;
    const { signal } = this.#controller;
    let keyProblem: string | undefined;
    let name: SignInName | undefined;
    try {
      const stream = await host.connect(signal);
      const connection = await connectSsh(stream, {
        username: login,
        privateKey: signIns.privateKey,
        certificate: () => (name === undefined ? undefined : signIns.certificate(host, login, name)),
        signal,
        timeoutMs: HOST_CONNECT_TIMEOUT_MS,
        windowBytes: HOST_WINDOW_BYTES,
        clock,
        onIncoming,
        verifyHostKey: async (blob) => {
          // The key exchange waits here: nothing is pinned and nobody signed in for an operator who is not admitted.
          name = await this.#signIn;
          if (name === undefined) return false;
          const verdict = await hostKeys.check(host, blob);
          if (!verdict.ok) keyProblem = verdict.reason;
          return verdict.ok;
        },
      });
      signIns.remember(host, login, connection.signedInBy);
      return connection;
    } catch (error) {
      if (keyProblem === undefined) throw error;
      throw new DrawbridgeError('host.key_changed', `${keyProblem} The connection was refused.`, {
        cause: error,
      });
    }
  }
}

function closed(): DrawbridgeError {
  return new DrawbridgeError('session.closed', 'The session has ended.');
}

function explain(error: unknown, host: Host, login: string): DrawbridgeError {
  if (isDrawbridgeError(error, 'ssh.auth_failed')) {
    return new DrawbridgeError(
      'host.login_refused',
      `The host ${host.name} does not let the bastion in as ${login}.`,
      {
        hint: 'The account may be missing there, or may not be among the logins that the host serves.',
        cause: error,
      },
    );
  }
  if (isDrawbridgeError(error)) {
    const known = error.code.startsWith('host.') || error.code === 'session.closed';
    if (known) return error;
  }
  return new DrawbridgeError(
    'host.unreachable',
    `The host ${host.name} can not be reached: ${messageOf(error)}`,
    {
      cause: error,
    },
  );
}

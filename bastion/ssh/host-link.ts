import type { Clock } from '../../shared/clock.ts';
import { DrawbridgeError, isDrawbridgeError, messageOf } from '../../shared/errors.ts';
import type { SshChannel } from '../../shared/ssh/channel.ts';
import type { IncomingChannel } from '../../shared/ssh/channel-table.ts';
import { connectSsh, type SshClientConnection } from '../../shared/ssh/client-connection.ts';
import type { Host } from '../hosts/host.ts';
import type { HostKeys } from './host-keys.ts';
import type { HostSignIns, SignInName } from './host-sign-ins.ts';

/** How long key exchange and sign-in on the host may take, with the operator's own sign-in in between. */
const HOST_CONNECT_TIMEOUT_MS = 60_000;

/**
 * How long an sshd may be silent when it is shown a certificate, before it is asked with the key alone. It may have to ask
 * a directory for its answer.
 */
const CERTIFICATE_TIMEOUT_MS = 20_000;

/**
 * Receive window per channel towards hosts: what one flooding command can make the bastion hold while its operator does
 * not read. Hosts are near, so that it does not limit the rate.
 */
const HOST_WINDOW_BYTES = 256 * 1024;

/** Connections of one session to its host: with sshd's 10 sessions in each, as many channels as an operator may have. */
export const CONNECTIONS_MAX = 26;

/** What a {@link HostLink} needs. */
export interface HostLinkOptions {
  readonly host: Host;
  readonly login: string;
  readonly signIns: HostSignIns;
  readonly hostKeys: Pick<HostKeys, 'check'>;
  readonly clock: Clock;
  /**
   * `when_allowed`: not before {@link HostLink.allowSignIn}, since the customer has to be asked first, which can take
   * longer than a connection waits.
   */
  readonly begin: 'now' | 'when_allowed';
  /** The host opens a channel: towards the operator, or to their SSH agent. */
  onIncoming(incoming: IncomingChannel): void;
}

/** Session channels of one connection. */
interface SessionCount {
  /** That are open, or being opened. */
  open: number;
  /** So many does the host allow in it, as it has shown. */
  max: number;
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
  readonly #options: HostLinkOptions;
  readonly #connections = new Map<SshClientConnection, SessionCount>();
  #dialling: Promise<SshClientConnection> | undefined;
  readonly #signIn: Promise<SignInName | undefined>;
  #decideSignIn: (name: SignInName | undefined) => void = () => undefined;

  constructor(options: HostLinkOptions) {
    this.#options = options;
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

  /**
   * A channel for a shell, a command or a subsystem. An sshd allows so many in one connection (`MaxSessions`, 10): for
   * more, it is dialled again.
   * @throws what {@link ready} rejects with, and what refuses the channel.
   */
  async openSession(signal: AbortSignal): Promise<SshChannel> {
    const first = await this.ready;
    for (;;) {
      const connection = this.#withRoom();
      if (connection === undefined) {
        if (first.signal.aborted || this.#connections.size >= CONNECTIONS_MAX)
          return this.#openOn(first, signal);
        // One dial for all that wait: it has room for several of them.
        this.#dialling ??= this.#connect(this.#options).finally(() => {
          this.#dialling = undefined;
        });
        const { signal: gone } = await this.#dialling;
        if (gone.aborted) throw explain(gone.reason, this.#options.host, this.login);
        continue;
      }
      try {
        return await this.#openOn(connection, signal);
      } catch (error) {
        if (!this.#isFull(connection, error)) throw error;
      }
    }
  }

  async #openOn(connection: SshClientConnection, signal: AbortSignal): Promise<SshChannel> {
    const count = this.#connections.get(connection) ?? { open: 0, max: Number.POSITIVE_INFINITY };
    count.open += 1;
    try {
      const channel = await connection.openSession(signal);
      const closed = (): void => {
        count.open -= 1;
        // What was learnt may have been a passing fault: asked again, now that there is room in any case.
        count.max = Number.POSITIVE_INFINITY;
      };
      if (channel.signal.aborted) closed();
      else channel.signal.addEventListener('abort', closed, { once: true });
      return channel;
    } catch (error) {
      count.open -= 1;
      throw error;
    }
  }

  #withRoom(): SshClientConnection | undefined {
    for (const [connection, { open, max }] of this.#connections) if (open < max) return connection;
    return undefined;
  }

  /**
   * Whether the connection has as many sessions as the host allows. sshd says no more than that it did not open the channel;
   * where none is open, there is another reason. Each refusal lowers what is tried, so that trying comes to an end.
   */
  #isFull(connection: SshClientConnection, error: unknown): boolean {
    if (this.#options.host.target !== 'sshd' || !isDrawbridgeError(error, 'ssh.channel_connect_failed'))
      return false;
    const count = this.#connections.get(connection);
    if (count === undefined || count.open === 0) return false;
    count.max = Math.min(count.max, count.open);
    return true;
  }

  /** Cuts the connection to the host, or the attempt at one. The host ends what ran in it. */
  destroy(): void {
    this.#decideSignIn(undefined);
    if (!this.#controller.signal.aborted) this.#controller.abort(closed());
  }

  async #connect(options: HostLinkOptions): Promise<SshClientConnection> {
    const { host, login } = options;
    try {
      return await this.#attempt(options);
    } catch (error) {
      if (!isDrawbridgeError(error, 'ssh.certificate_refused')) throw explain(error, host, login);
    }
    try {
      // It allows one try, and the certificate was it. Remembered once the key has worked: the fault may be another.
      return await this.#attempt(options, 'key');
    } catch (error) {
      throw explain(error, host, login);
    }
  }

  async #attempt(options: HostLinkOptions, only?: 'key'): Promise<SshClientConnection> {
    const { host, login, signIns, hostKeys, clock, onIncoming } = options;
    const { signal } = this.#controller;
    let keyProblem: string | undefined;
    let name: SignInName | undefined;
    try {
      const stream = await host.connect(signal);
      const connection = await connectSsh(stream, {
        username: login,
        privateKey: signIns.privateKey,
        certificate: () =>
          name === undefined || only === 'key' ? undefined : signIns.certificate(host, login, name),
        signal,
        timeoutMs: HOST_CONNECT_TIMEOUT_MS,
        certificateTimeoutMs: CERTIFICATE_TIMEOUT_MS,
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
      if (!connection.signal.aborted) {
        this.#connections.set(connection, { open: 0, max: Number.POSITIVE_INFINITY });
        connection.signal.addEventListener('abort', () => this.#connections.delete(connection), {
          once: true,
        });
      }
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

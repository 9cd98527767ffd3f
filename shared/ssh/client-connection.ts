import type { Duplex } from 'node:stream';
import { type Clock, systemClock } from '../clock.ts';
import { DrawbridgeError, messageOf } from '../errors.ts';
import { CLIENT_ALGORITHMS, HYBRID } from './algorithms.ts';
import type { SshChannel } from './channel.ts';
import type { IncomingChannel } from './channel-table.ts';
import type { ChannelTarget } from './channel-target.ts';
import { ClientSignIn, type Credential } from './client-sign-in.ts';
import { ConnectionProtocol } from './connection-protocol.ts';
import { DISCONNECT } from './messages.ts';
import { signingKeyOf } from './signing-key.ts';
import { attachKex } from './ssh2-handshake.ts';
import { loadSsh2 } from './ssh2-library.ts';
import { prepareTransport } from './transport-stream.ts';

/** How to be a client on one connection. */
export interface ConnectSshOptions {
  readonly username: string;
  /** Unencrypted Ed25519 private key in OpenSSH format. */
  readonly privateKey: string;
  /**
   * A certificate to show before the key is. Asked for when the server's key is verified; the server then waits for it,
   * so it is to be there at once.
   */
  certificate?(): Extract<Credential, { kind: 'certificate' }> | undefined;
  /** Whether the server's key (its blob) is the one that is expected. A rejection counts as no. */
  verifyHostKey(blob: Buffer): boolean | Promise<boolean>;
  /** Aborting it destroys the connection, also after it is established. */
  readonly signal?: AbortSignal;
  /** Limit for key exchange and authentication together. */
  readonly timeoutMs: number;
  /** Limit for the answer to the certificate, which some servers do not know and never answer. */
  readonly certificateTimeoutMs?: number;
  /** Receive window of each channel; default 2 MiB. */
  readonly windowBytes?: number;
  readonly rekeyBytes?: number;
  readonly rekeyMs?: number;
  readonly keepaliveMs?: number;
  readonly clock?: Clock;
  /** Channels that the server opens (agent forwarding, `-R`). Not given: refused. */
  onIncoming?(incoming: IncomingChannel): void;
}

/** An authenticated connection to an SSH server. */
export interface SshClientConnection {
  /** A channel for a shell, a command or a subsystem. @throws see {@link ChannelTable.open}. */
  openSession(signal?: AbortSignal): Promise<SshChannel>;
  /** A channel from the server's machine to an address. @throws see {@link ChannelTable.open}. */
  openForward(
    to: { host: string; port: number },
    from?: { host: string; port: number },
    signal?: AbortSignal,
  ): Promise<SshChannel>;
  open(target: ChannelTarget, signal?: AbortSignal): Promise<SshChannel>;
  /** Sends a global request; resolves with the answer's payload, or undefined when refused. */
  globalRequest(name: string, payload?: Buffer): Promise<Buffer | undefined>;
  /** Ends the connection in order. */
  end(): void;
  destroy(): void;
  /** What the server has let us in with. */
  readonly signedInBy: Credential['kind'];
  /** Aborted when the connection is gone; `reason` is a DrawbridgeError `ssh.closed` that says why. */
  readonly signal: AbortSignal;
}

/**
 * Signs in to the SSH server at the other end of `stream`.
 *
 * @throws `ssh.host_key_refused`, `ssh.auth_failed`, `ssh.certificate_refused` (the server hung up on the certificate
 * or says nothing to it, and may still take the key), `ssh.timeout`, `ssh.handshake_failed`, `ssh.closed`, or the signal's reason. The stream
 * is destroyed then.
 */
export function connectSsh(stream: Duplex, options: ConnectSshOptions): Promise<SshClientConnection> {
  return new Promise((resolve, reject) => {
    const attempt = new ClientConnection(stream, options, {
      ready: () => resolve(attempt),
      failed: reject,
    });
  });
}

class ClientConnection implements SshClientConnection {
  readonly #stream: Duplex;
  readonly #protocol: ConnectionProtocol;
  readonly #signIn: ClientSignIn;
  readonly #gone = new AbortController();
  readonly #failed: (error: unknown) => void;
  #problem: DrawbridgeError | undefined;
  #hostKeyRefused = false;
  /** The key that was verified. */
  #hostKey: Buffer | undefined;
  #established = false;

  constructor(
    stream: Duplex,
    options: ConnectSshOptions,
    outcome: { ready(): void; failed(error: unknown): void },
  ) {
    const clock = options.clock ?? systemClock;
    this.#stream = stream;
    this.#failed = outcome.failed;
    const timers = [clock.after(options.timeoutMs, () => this.#timedOut())];
    const onAbort = (): void => {
      outcome.failed(options.signal?.reason);
      this.#fail(new DrawbridgeError('ssh.closed', 'The SSH connection was ended from here.'));
    };
    options.signal?.addEventListener('abort', onAbort, { once: true });
    prepareTransport(stream, clock, ({ error }) => {
      for (const timer of timers) timer.cancel();
      options.signal?.removeEventListener('abort', onAbort);
      this.#closed(error);
    });

    const { Client } = loadSsh2();
    const client = new Client();
    client.on('error', (error) => this.#fail(this.#explain(error)));
    client.on('ready', () => {
      for (const timer of timers) timer.cancel();
      this.#established = true;
      this.#protocol.establish();
      outcome.ready();
    });
    client.connect({
      sock: stream,
      username: options.username,
      // Called when the server is ready for it; as long as it has no answer, ssh2 sends nothing.
      authHandler: () => {
        this.#beginSignIn(options);
        const { certificateTimeoutMs } = options;
        if (certificateTimeoutMs === undefined || this.#gone.signal.aborted) return;
        timers.push(
          clock.after(certificateTimeoutMs, () => {
            if (this.#signIn.waitsAfterCertificate) this.#timedOut();
          }),
        );
      },
      algorithms: CLIENT_ALGORITHMS,
      ident: 'Drawbridge',
      readyTimeout: 0,
      keepaliveInterval: 0,
      hostVerifier: (blob: Buffer, verify: (valid: boolean) => void) => {
        // Keys are renewed with data on its way. ssh2 would let what is sent while it waits for an answer overtake what
        // it has queued, so the answer is there at once: the key of this connection can not change.
        if (this.#hostKey !== undefined) {
          this.#hostKeyRefused = !this.#hostKey.equals(blob);
          verify(!this.#hostKeyRefused);
          return;
        }
        void this.#verifyHostKey(blob, options).then((valid) => {
          if (valid) this.#hostKey = Buffer.from(blob);
          // The answer may come when the connection is gone, and ssh2 would throw where nobody can catch it.
          if (!this.#protocol.port.ended) verify(valid);
        });
      },
    });
    attachKex(client, HYBRID);
    this.#signIn = new ClientSignIn(client, options.username, {
      refused: () =>
        this.#fail(new DrawbridgeError('ssh.auth_failed', 'The SSH server did not accept the login.')),
      fault: (error) => this.#fail(error),
    });
    this.#protocol = new ConnectionProtocol(client, stream, {
      clock,
      ...(options.windowBytes === undefined ? {} : { windowBytes: options.windowBytes }),
      ...(options.rekeyBytes === undefined ? {} : { rekeyBytes: options.rekeyBytes }),
      ...(options.rekeyMs === undefined ? {} : { rekeyMs: options.rekeyMs }),
      ...(options.keepaliveMs === undefined ? {} : { keepaliveMs: options.keepaliveMs }),
      onIncoming: options.onIncoming ?? ((incoming) => incoming.refuse('This client takes no channels.')),
      onFault: (error) => this.#fail(this.#explain(error)),
    });
    if (options.signal?.aborted) onAbort();
  }

  get signal(): AbortSignal {
    return this.#gone.signal;
  }

  get signedInBy(): Credential['kind'] {
    return this.#signIn.accepted ?? 'key';
  }

  openSession(signal?: AbortSignal): Promise<SshChannel> {
    return this.open({ kind: 'session' }, signal);
  }

  openForward(
    to: { host: string; port: number },
    from: { host: string; port: number } = { host: '127.0.0.1', port: 0 },
    signal?: AbortSignal,
  ): Promise<SshChannel> {
    const target = { host: to.host, port: to.port, originHost: from.host, originPort: from.port };
    return this.open({ kind: 'direct-tcpip', ...target }, signal);
  }

  open(target: ChannelTarget, signal?: AbortSignal): Promise<SshChannel> {
    return this.#protocol.open(target, signal);
  }

  globalRequest(name: string, payload?: Buffer): Promise<Buffer | undefined> {
    return this.#protocol.globalRequest(name, payload);
  }

  end(): void {
    this.#problem ??= new DrawbridgeError('ssh.closed', 'The SSH connection was ended from here.');
    this.#protocol.port.sendDisconnect(DISCONNECT.BY_APPLICATION, '');
    if (!this.#stream.writableEnded) this.#stream.end();
  }

  destroy(): void {
    this.#fail(new DrawbridgeError('ssh.closed', 'The SSH connection was ended from here.'));
  }

  #beginSignIn(options: ConnectSshOptions): void {
    try {
      const certificate = options.certificate?.();
      const credentials: Credential[] = certificate === undefined ? [] : [certificate];
      credentials.push({ kind: 'key', key: signingKeyOf(options.privateKey) });
      this.#signIn.begin(credentials, (payload) => this.#protocol.port.send(payload));
    } catch (error) {
      this.#fail(this.#explain(error));
    }
  }

  async #verifyHostKey(blob: Buffer, options: ConnectSshOptions): Promise<boolean> {
    try {
      this.#hostKeyRefused = !(await options.verifyHostKey(blob));
    } catch {
      // Whoever verifies logs why it could not; here it only counts that the key is not known to be right.
      this.#hostKeyRefused = true;
    }
    return !this.#hostKeyRefused;
  }

  #explain(error: unknown): DrawbridgeError {
    if (error instanceof DrawbridgeError) return error;
    if (this.#hostKeyRefused)
      return new DrawbridgeError(
        'ssh.host_key_refused',
        "The host's SSH key is not the one that is expected.",
        {
          hint: 'If the host was set up anew, let the customer check its key and enrol it again.',
          cause: error,
        },
      );
    if (this.#signIn.waitsAfterCertificate) return certificateRefused(error);
    if (this.#established)
      return new DrawbridgeError('ssh.closed', `The SSH connection broke: ${messageOf(error)}.`, {
        cause: error,
      });
    return new DrawbridgeError('ssh.handshake_failed', `The SSH connection failed: ${messageOf(error)}.`, {
      cause: error,
    });
  }

  #timedOut(): void {
    const silent = new DrawbridgeError('ssh.timeout', 'The SSH server did not answer in time.');
    this.#fail(this.#signIn.waitsAfterCertificate ? certificateRefused(silent) : silent);
  }

  #fail(problem: DrawbridgeError): void {
    this.#problem ??= problem;
    this.#failed(this.#problem);
    this.#stream.destroy();
  }

  #closed(error: string | undefined): void {
    const text =
      error === undefined ? 'The SSH server closed the connection.' : `The SSH connection broke: ${error}.`;
    const closed = new DrawbridgeError('ssh.closed', text);
    const problem =
      this.#problem ?? (this.#signIn.waitsAfterCertificate ? certificateRefused(closed) : closed);
    this.#failed(problem);
    this.#gone.abort(problem);
    this.#protocol.end();
  }
}

function certificateRefused(cause: unknown): DrawbridgeError {
  const sentence = 'The SSH server gave no answer to a certificate.';
  return new DrawbridgeError('ssh.certificate_refused', sentence, { cause });
}

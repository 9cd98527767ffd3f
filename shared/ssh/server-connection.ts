import type { Duplex } from 'node:stream';
import type { AuthContext, Connection } from 'ssh2';
import { type Clock, systemClock, type Timer } from '../clock.ts';
import { messageOf } from '../errors.ts';
import type { Logger } from '../log.ts';
import { extraMacsFor, HYBRID, SERVER_ALGORITHMS, USER_SIGNATURES } from './algorithms.ts';
import { readAttempt, type SshAuthAttempt } from './auth-attempt.ts';
import type { SshChannel } from './channel.ts';
import type { IncomingChannel } from './channel-table.ts';
import type { ChannelTarget } from './channel-target.ts';
import { ConnectionProtocol, type GlobalRequest } from './connection-protocol.ts';
import { DISCONNECT, OPEN_FAILURE } from './messages.ts';
import { announceSignatures, attachKex } from './ssh2-handshake.ts';
import { loadSsh2 } from './ssh2-library.ts';
import { prepareTransport } from './transport-stream.ts';

export type { SshAuthAttempt } from './auth-attempt.ts';

export type SessionOpen = IncomingChannel<Extract<ChannelTarget, { kind: 'session' }>>;
export type DirectTcpipOpen = IncomingChannel<
  Extract<ChannelTarget, { kind: 'direct-tcpip' | 'forwarded-tcpip' }>
>;
export type DirectStreamlocalOpen = IncomingChannel<Extract<ChannelTarget, { kind: 'direct-streamlocal' }>>;

/** How a server treats one connection. Handlers may be asynchronous; what they throw refuses what was asked. */
export interface ServeSshOptions {
  /** Ed25519 private key in OpenSSH format. */
  readonly hostKey: string;
  /** Shown before authentication. */
  readonly banner?: string;
  /** What stands in the version line behind `SSH-2.0-`; default `Drawbridge`. */
  readonly software?: string;
  /** A client that is not authenticated by then is disconnected. */
  readonly loginGraceMs: number;
  /** Rejected tries (a refused offer of a key is one, `none` and a right first factor are not); then disconnected. */
  readonly maxAuthTries: number;
  /** What a rejected client may try, unless `reject` says otherwise; default only `publickey`. */
  readonly authMethods?: readonly string[];
  /** Keys may come in OpenSSH certificates, which `onAuth` has to judge; default: they are refused. */
  readonly certificates?: boolean;
  /** Receive window of each channel; default 2 MiB. */
  readonly windowBytes?: number;
  readonly rekeyBytes?: number;
  readonly rekeyMs?: number;
  readonly keepaliveMs?: number;
  readonly clock?: Clock;
  readonly log: Logger;
  /** Decides about one try. When it returns without having decided, the try is rejected. */
  onAuth(attempt: SshAuthAttempt, connection: SshServerConnection): void | Promise<void>;
  onReady?(connection: SshServerConnection): void;
  /** `ssh HOST`: a channel for a shell, a command or a subsystem. Not given: refused. */
  onSession?(open: SessionOpen, connection: SshServerConnection): void | Promise<void>;
  /** `ssh -J`, `-L`, `-D`, `-W`: a channel to an address. Not given: refused. */
  onDirectTcpip?(open: DirectTcpipOpen, connection: SshServerConnection): void | Promise<void>;
  /** `ssh -L port:/path`. Not given: refused. */
  onDirectStreamlocal?(open: DirectStreamlocalOpen, connection: SshServerConnection): void | Promise<void>;
  /** `tcpip-forward` and the like. Not given: refused. */
  onGlobalRequest?(
    request: GlobalRequest,
    connection: SshServerConnection,
  ): boolean | Buffer | Promise<boolean | Buffer>;
  /** The connection is gone; called exactly once, with a sentence that says why. */
  onClose?(reason: string, connection: SshServerConnection): void;
}

/** One client's connection. */
export interface SshServerConnection {
  /** The user name that was authenticated; undefined before. */
  readonly username: string | undefined;
  /** The client's version line, once it was sent. */
  readonly clientVersion: string | undefined;
  /** Aborted when the connection is gone. */
  readonly signal: AbortSignal;
  /** Channels that are open or being opened. */
  readonly channels: number;
  /** Shows a text to a client that is not authenticated yet; afterwards it does nothing. */
  sendBanner(text: string): void;
  /** Ends the connection with a sentence that stock clients print. What is queued on channels is lost. */
  disconnect(sentence: string): void;
  /** Ends the connection in order, without a word. */
  end(): void;
  /** Cuts the connection off at once. */
  destroy(): void;
  /** Opens a channel to the client (`forwarded-tcpip`, agent forwarding); see {@link ChannelTable.open}. */
  open(target: ChannelTarget, signal?: AbortSignal): Promise<SshChannel>;
}

/** A client that has not taken what was sent so long after its connection was ended for a reason is cut off. */
const TAKE_END_MS = 10_000;

/** ssh2 cannot be told to keep its own keep-alive off; this is as good as never. */
const NEVER_MS = 2_147_483_647;

/**
 * Serves SSH to the client at the other end of `stream` (a socket, a tunnel's stream).
 *
 * Nothing that the client sends makes this throw: its faults end its connection, and `onClose` says why.
 */
export function serveSsh(stream: Duplex, options: ServeSshOptions): SshServerConnection {
  return new ServerConnection(stream, options);
}

class ServerConnection implements SshServerConnection {
  readonly #stream: Duplex;
  readonly #options: ServeSshOptions;
  readonly #clock: Clock;
  readonly #gone = new AbortController();
  #protocol: ConnectionProtocol | undefined;
  #clientVersion: string | undefined;
  #username: string | undefined;
  #reason: string | undefined;
  #rejections = 0;
  #cut: Timer | undefined;

  constructor(stream: Duplex, options: ServeSshOptions) {
    this.#stream = stream;
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    const grace = this.#clock.after(options.loginGraceMs, () => {
      if (this.#username !== undefined) return;
      this.#endFor('The client did not sign in in time.');
    });
    prepareTransport(stream, this.#clock, ({ error }) => {
      grace.cancel();
      this.#closed(error);
    });
    const { Server } = loadSsh2();
    const server = new Server({
      hostKeys: [options.hostKey],
      algorithms: SERVER_ALGORITHMS,
      ident: options.software ?? 'Drawbridge',
      keepaliveInterval: NEVER_MS,
      ...(options.banner === undefined ? {} : { banner: options.banner }),
    });
    server.on('error', (error: Error) => this.#fault(error));
    server.on('connection', (connection, info) => {
      this.#clientVersion = info.header.identRaw;
      this.#start(connection);
    });
    // ssh2's types ask for a Socket; what it uses of one, every Duplex has.
    server.injectSocket(stream as Parameters<typeof server.injectSocket>[0]);
  }

  get username(): string | undefined {
    return this.#username;
  }

  get clientVersion(): string | undefined {
    return this.#clientVersion;
  }

  get signal(): AbortSignal {
    return this.#gone.signal;
  }

  get channels(): number {
    return this.#protocol?.channels.size ?? 0;
  }

  sendBanner(text: string): void {
    if (this.#username === undefined) this.#protocol?.port.sendBanner(text);
  }

  disconnect(sentence: string): void {
    this.#endFor(sentence);
  }

  end(): void {
    this.#reason ??= 'The server ended the connection.';
    if (!this.#stream.writableEnded) this.#stream.end();
  }

  destroy(): void {
    this.#reason ??= 'The server cut the connection.';
    this.#stream.destroy();
  }

  open(target: ChannelTarget, signal?: AbortSignal): Promise<SshChannel> {
    if (this.#protocol === undefined || this.#username === undefined)
      return Promise.reject(new Error('No channel can be opened before the client is authenticated.'));
    return this.#protocol.open(target, signal);
  }

  #start(connection: Connection): void {
    const options = this.#options;
    connection.on('error', (error: Error) => this.#fault(error));
    attachKex(connection, HYBRID, extraMacsFor(this.#clientVersion ?? ''));
    announceSignatures(connection, USER_SIGNATURES);
    const protocol = new ConnectionProtocol(connection, this.#stream, {
      clock: this.#clock,
      ...pickDefined(options, ['windowBytes', 'rekeyBytes', 'rekeyMs', 'keepaliveMs']),
      onIncoming: (incoming) => this.#route(incoming),
      onGlobalRequest: (request) => options.onGlobalRequest?.(request, this) ?? false,
      onFault: (error) => this.#fault(error),
    });
    this.#protocol = protocol;
    connection.on('authentication', (context) => this.#authenticate(context));
    connection.on('ready', () => {
      if (this.#gone.signal.aborted) return;
      protocol.establish();
      options.onReady?.(this);
    });
  }

  #authenticate(context: AuthContext): void {
    const methods = this.#options.authMethods ?? ['publickey'];
    const attempt = readAttempt(context, {
      signal: this.#gone.signal,
      methods,
      certificates: this.#options.certificates === true,
      onDecision: (decision) => {
        if (decision === 'rejected' && context.method !== 'none') this.#countRejection();
      },
    });
    if (attempt === undefined) {
      context.reject(['publickey']);
      this.#countRejection();
      return;
    }
    const guarded: SshAuthAttempt = {
      ...attempt,
      accept: () => {
        // ssh2 says `ready` from within accept; by then the name has to be known.
        if (attempt.key === undefined || attempt.key.signed) this.#username ??= attempt.username;
        attempt.accept();
      },
    };
    void this.#decide(guarded);
  }

  async #decide(attempt: SshAuthAttempt): Promise<void> {
    try {
      await this.#options.onAuth(attempt, this);
    } catch (error) {
      this.#options.log.error(
        { error: messageOf(error) },
        'an SSH sign-in could not be decided and is refused',
      );
    }
    attempt.reject();
  }

  #countRejection(): void {
    this.#rejections += 1;
    if (this.#rejections >= this.#options.maxAuthTries)
      this.#endFor('Too many tries to sign in were refused.', DISCONNECT.NO_MORE_AUTH_METHODS);
  }

  #route(incoming: IncomingChannel): void {
    const { target } = incoming;
    const { onSession, onDirectTcpip, onDirectStreamlocal } = this.#options;
    switch (target.kind) {
      case 'session':
        this.#offer(onSession, { ...incoming, target }, 'This server offers no sessions.');
        return;
      case 'direct-tcpip':
        this.#offer(onDirectTcpip, { ...incoming, target }, 'Forwarding is not allowed here.');
        return;
      case 'direct-streamlocal':
        this.#offer(
          onDirectStreamlocal,
          { ...incoming, target },
          'Forwarding to sockets is not allowed here.',
        );
        return;
      default:
        incoming.refuse('This kind of channel is not known here.', OPEN_FAILURE.UNKNOWN_CHANNEL_TYPE);
        return;
    }
  }

  #offer<T extends ChannelTarget>(
    handler:
      | ((open: IncomingChannel<T>, connection: SshServerConnection) => void | Promise<void>)
      | undefined,
    incoming: IncomingChannel<T>,
    refusal: string,
  ): void {
    if (handler === undefined) {
      incoming.refuse(refusal);
      return;
    }
    const run = async (): Promise<void> => {
      try {
        await handler(incoming, this);
      } catch (error) {
        this.#options.log.error(
          { error: messageOf(error) },
          'an SSH channel could not be decided and is refused',
        );
        incoming.refuse('The request could not be handled.', OPEN_FAILURE.CONNECT_FAILED);
      }
    };
    void run();
  }

  #fault(error: unknown): void {
    this.#endFor(messageOf(error), DISCONNECT.PROTOCOL_ERROR);
  }

  #endFor(sentence: string, reason: number = DISCONNECT.BY_APPLICATION): void {
    if (this.#reason !== undefined) return;
    this.#reason = sentence;
    this.#protocol?.port.sendDisconnect(reason, sentence);
    this.#protocol?.end();
    if (!this.#stream.writableEnded) this.#stream.end();
    this.#cut ??= this.#clock.after(TAKE_END_MS, () => this.#stream.destroy());
  }

  #closed(error: string | undefined): void {
    this.#cut?.cancel();
    this.#gone.abort();
    this.#protocol?.end();
    const reason = this.#reason ?? (error === undefined ? 'The client closed the connection.' : error);
    this.#options.onClose?.(reason, this);
  }
}

/** The named members of `from` that have a value. */
function pickDefined<T extends object, K extends keyof T>(from: T, keys: readonly K[]): Partial<Pick<T, K>> {
  const picked: Partial<Pick<T, K>> = {};
  for (const key of keys) if (from[key] !== undefined) picked[key] = from[key];
  return picked;
}

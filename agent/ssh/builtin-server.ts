import { connect } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Clock } from '../../shared/clock.ts';
import type { Logger } from '../../shared/log.ts';
import { OPEN_FAILURE } from '../../shared/ssh/messages.ts';
import {
  type DirectTcpipOpen,
  type SshAuthAttempt,
  type SshServerConnection,
  serveSsh,
} from '../../shared/ssh/server-connection.ts';
import { bridgeStream } from '../../shared/ssh/stream-bridge.ts';
import type { Leftovers } from '../leftovers/leftovers.ts';
import type { LoginRefusal } from '../metrics/tally.ts';
import { type Account, findAccount, isSuperuser, ownAccount } from '../shell/account.ts';
import { ConnectionPam } from '../shell/connection-pam.ts';
import type { SystemTools } from '../shell/launch.ts';
import { isLoginName } from '../shell/login-name.ts';
import type { LoginRecords } from '../shell/login-records.ts';
import { Listeners } from './listeners.ts';
import { serveSession } from './session-channel.ts';

/**
 * The bastion begins this connection while its operator still signs in there, and goes on when they have.
 */
const LOGIN_GRACE_MS = 120_000;

/** The bastion has one key; anything that needs more tries is not the bastion. */
const MAX_AUTH_TRIES = 3;

/** How long a forward may take to connect. */
const FORWARD_TIMEOUT_MS = 10_000;

/** What the builtin server needs. */
export interface BuiltinServerOptions {
  /** The host's SSH key in OpenSSH format. */
  readonly hostKey: string;
  /** Fingerprint of the only key that may sign in: the bastion's. */
  readonly bastionKey: () => string;
  /** Accounts that may be used; undefined: the agent's own, or any when it is root. */
  readonly logins: () => readonly string[] | undefined;
  readonly forwarding: () => boolean;
  readonly tools: SystemTools;
  readonly sftpServer: readonly [string, ...string[]];
  readonly leftovers: Leftovers;
  /** Whether PAM is asked about accounts and opens their sessions, when this process is root. */
  readonly pam: () => boolean;
  readonly records: LoginRecords;
  /** The bastion could not sign in. */
  onRefused?(reason: LoginRefusal): void;
  readonly clock: Clock;
  readonly log: Logger;
}

/** The agent's own SSH server, which speaks to nobody but the bastion. */
export class BuiltinServer {
  readonly #options: BuiltinServerOptions;
  readonly #connections = new Set<SshServerConnection>();

  constructor(options: BuiltinServerOptions) {
    this.#options = options;
  }

  /** Connections that are open now. */
  get openConnections(): number {
    return this.#connections.size;
  }

  /** Serves one stream of a tunnel. */
  serve(stream: Duplex): void {
    const { hostKey, log, clock, forwarding } = this.#options;
    let account: Account | undefined;
    let listeners: Listeners | undefined;
    const processes = this.#options.leftovers.begin();
    const pam = new ConnectionPam(this.#options);
    const connection = serveSsh(stream, {
      hostKey,
      loginGraceMs: LOGIN_GRACE_MS,
      maxAuthTries: MAX_AUTH_TRIES,
      log,
      clock,
      onAuth: async (attempt) => {
        account = await this.#authenticate(attempt);
        if (account === undefined) attempt.reject();
        else {
          pam.begin(account);
          attempt.accept();
        }
      },
      onSession: (open) => {
        if (account === undefined) return;
        serveSession(open.accept(), {
          ...this.#options,
          forwarding: forwarding(),
          account,
          become: isSuperuser(),
          connection,
          processes,
          pam: () => pam.session,
        });
      },
      onGlobalRequest: (request) => {
        if (!forwarding() || account === undefined) return false;
        listeners ??= new Listeners(connection, () => account?.uid === 0, clock);
        return listeners.request(request);
      },
      onDirectTcpip: (open) => {
        if (forwarding()) return openForward(open, clock);
        open.refuse('Forwarding is switched off in the configuration of this host.');
        return undefined;
      },
      onClose: (reason, closed) => {
        this.#connections.delete(closed);
        void processes.end();
        pam.close();
        log.debug({ reason }, 'a connection of the bastion ended');
      },
    });
    if (!connection.signal.aborted) this.#connections.add(connection);
  }

  /** Ends every connection, and with it everything that runs in it. */
  async close(sentence: string): Promise<void> {
    const open = [...this.#connections];
    const gone = open.map(
      ({ signal }) =>
        new Promise<void>((resolve) => {
          if (signal.aborted) resolve();
          else signal.addEventListener('abort', () => resolve(), { once: true });
        }),
    );
    for (const connection of open) connection.disconnect(sentence);
    await Promise.all(gone);
    await this.#options.leftovers.settled();
  }

  /** The account that this attempt may use; undefined: refused. */
  async #authenticate(attempt: SshAuthAttempt): Promise<Account | undefined> {
    const { bastionKey, log } = this.#options;
    if (attempt.key === undefined) return undefined;
    if (attempt.key.fingerprint !== bastionKey()) return this.#refused('wrong_key');
    const login = attempt.username;
    if (!isLoginName(login) || !this.#isAllowed(login)) {
      log.warn(
        { login: isLoginName(login) ? login : '?' },
        'the bastion asked for a login that this host does not serve',
      );
      return this.#refused('not_served');
    }
    const own = ownAccount();
    if (login === own.name) return own;
    const account = await findAccount(login);
    if (account !== undefined) return account;
    log.warn({ login }, 'the bastion asked for a login that does not exist here');
    return this.#refused('unknown');
  }

  #refused(reason: LoginRefusal): undefined {
    this.#options.onRefused?.(reason);
  }

  /** An agent that is not root can become nobody else, whatever its list says. */
  #isAllowed(login: string): boolean {
    const logins = this.#options.logins();
    if (logins !== undefined && !logins.includes(login)) return false;
    return isSuperuser() || login === ownAccount().name;
  }
}

/** Connects to where the bastion wants to get; it has decided already whether it may. */
function openForward(open: DirectTcpipOpen, clock: Clock): Promise<void> {
  const { host, port } = open.target;
  return new Promise((resolve) => {
    if (port < 1 || port > 65_535) {
      open.refuse('There is no such port.', OPEN_FAILURE.CONNECT_FAILED);
      resolve();
      return;
    }
    const socket = connect({ host, port, noDelay: true, allowHalfOpen: true });
    const fail = (why: string): void => {
      socket.destroy();
      open.refuse(`The host can't reach ${host}:${port}: ${why}.`, OPEN_FAILURE.CONNECT_FAILED);
      resolve();
    };
    const timer = clock.after(FORWARD_TIMEOUT_MS, () => fail('it did not answer in time'));
    const onError = (error: Error): void => {
      timer.cancel();
      fail(error.message);
    };
    socket.once('error', onError);
    socket.once('connect', () => {
      timer.cancel();
      if (open.signal.aborted) {
        socket.destroy();
        resolve();
        return;
      }
      const copied = bridgeStream(open.accept(), socket, {}, clock);
      socket.off('error', onError);
      void copied.then(() => resolve());
    });
  });
}

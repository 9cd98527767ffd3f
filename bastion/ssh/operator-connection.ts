import type { IncomingChannel } from '../../shared/ssh/channel-table.ts';
import {
  type SshAuthAttempt,
  type SshServerConnection,
  serveSsh,
} from '../../shared/ssh/server-connection.ts';
import type { AdmittedStream } from '../admission/admission.ts';
import type { PolicyDecision } from '../policy/decide.ts';
import type { Session, SessionEnding } from '../sessions/session.ts';
import type { SessionRegistry } from '../sessions/session-registry.ts';
import { openForward, refuseForward } from './forward-channel.ts';
import { HostChannels } from './host-channels.ts';
import type { HostKeys } from './host-keys.ts';
import { HostLink } from './host-link.ts';
import type { HostSignIns } from './host-sign-ins.ts';
import { cutAfterLastWords } from './last-words.ts';
import { type LoginRefusal, lateRefusal } from './late-refusal.ts';
import { decideLogin, identityOf, isBoundKey } from './login-decision.ts';
import { endWithLogin } from './login-end.ts';
import { LoginEntries } from './login-entries.ts';
import { bannerText, sentenceOf } from './notices.ts';
import { OperatorChannels } from './operator-channels.ts';
import { SessionChannel } from './session-channel.ts';
import { SessionContext, type SessionServices } from './session-context.ts';

/** How long an operator may take to prove their key; a hardware key wants to be touched. */
const LOGIN_GRACE_MS = 60_000;

/** Keys that a client may offer in vain: people's agents hold many. */
const MAX_AUTH_TRIES = 30;

/**
 * Only to a server whose name begins so does OpenSSH's client say that nobody reads its output any more: else
 * `ssh HOST yes | head -1` would never end.
 */
const SOFTWARE = 'OpenSSH_Drawbridge';

const NO_SOCKETS = 'forwards to sockets of the host are not allowed';

export interface OperatorConnectionOptions {
  readonly services: SessionServices;
  readonly registry: SessionRegistry;
  readonly hostKeys: HostKeys;
  readonly signIns: HostSignIns;
  /** The bastion's host key: an Ed25519 private key in OpenSSH format. */
  readonly hostKey: string;
  /** Whether passes that this identity provider vouched for are still good; see `PassCheck.stillTrusts`. */
  readonly stillTrusts: (vouchedBy: string | undefined) => boolean;
  /** Labels of a host as they are now. */
  readonly labelsOf: (host: string) => Readonly<Record<string, string>>;
  /** ISO time at which the gate closes by itself, if it does. */
  readonly closesAt: () => string | undefined;
}

type AllowedLogin = Extract<PolicyDecision, { allow: true }>;

/** How far an operator's connection has come. */
type Phase =
  | { readonly kind: 'proving'; readonly link?: HostLink }
  | { readonly kind: 'admitting'; readonly link: HostLink }
  | {
      readonly kind: 'live';
      readonly link: HostLink;
      readonly session: Session;
      readonly context: SessionContext;
      readonly hostChannels: HostChannels;
      /** Resolves when the events of the session's start are stored, or could not be. */
      readonly announced: Promise<boolean>;
    }
  | { readonly kind: 'gone' };

/** One operator's SSH connection, from the proof of the key to the last channel. */
export class OperatorConnection {
  readonly #options: OperatorConnectionOptions;
  readonly #admitted: AdmittedStream;
  readonly #tell: { decided(): void; gone(): void };
  readonly #ssh: SshServerConnection;
  readonly #channels: OperatorChannels;
  readonly #entries: LoginEntries;
  #phase: Phase = { kind: 'proving' };
  #isCut = false;

  constructor(
    options: OperatorConnectionOptions,
    admitted: AdmittedStream,
    tell: { decided(): void; gone(): void },
  ) {
    this.#options = options;
    this.#admitted = admitted;
    this.#tell = tell;
    const { services, hostKey, closesAt } = options;
    this.#channels = new OperatorChannels(options.registry);
    this.#entries = new LoginEntries(services, admitted);
    this.#ssh = serveSsh(admitted.stream, {
      hostKey,
      software: SOFTWARE,
      banner: bannerText(services.bastionName, closesAt()),
      loginGraceMs: LOGIN_GRACE_MS,
      maxAuthTries: MAX_AUTH_TRIES,
      // Only for the key in them, which the pass binds: what the certificate says, the proxy has judged.
      certificates: true,
      clock: services.clock,
      log: services.log,
      onAuth: (attempt) => this.#authenticate(attempt),
      onSession: (open) =>
        this.#whenLive(open, (context) => this.#channels.keep(new SessionChannel(context, open.accept()))),
      onDirectTcpip: (open) =>
        this.#whenLive(open, (context) => this.#channels.keep(openForward(context, open))),
      onDirectStreamlocal: (open) =>
        this.#whenLive(open, (context) => refuseForward(context, open, open.target.path, NO_SOCKETS)),
      onGlobalRequest: (request) =>
        this.#phase.kind === 'live' ? this.#phase.hostChannels.request(request) : false,
      onClose: (reason) => void this.#closed(reason),
    });
    admitted.gate.addEventListener('abort', this.#onGate, { once: true });
    if (admitted.gate.aborted) this.#onGate();
  }

  readonly #onGate = (): void => {
    const message = sentenceOf(this.#admitted.gate.reason);
    if (this.#phase.kind === 'live') this.#phase.session.end({ code: 'access.off', message });
    else this.#cut(message);
  };

  async #authenticate(attempt: SshAuthAttempt): Promise<void> {
    const decision = this.#decideLogin(attempt.username);
    if (!decision.allow) {
      await this.#refuseLogin(attempt.username, decision);
      return;
    }
    const link = this.#startLink(attempt.username, decision);
    const { key } = attempt;
    if (link === undefined || key === undefined || !isBoundKey(key.fingerprint, this.#admitted.claims.cnf))
      return;
    if (!key.signed) {
      attempt.accept();
      return;
    }
    await this.#admit(attempt, link, decision);
  }

  /** What the policy says to this login. */
  #decideLogin(login: string): PolicyDecision {
    const { services, labelsOf } = this.#options;
    const labels = labelsOf(this.#admitted.host.name);
    return decideLogin(services, identityOf(this.#admitted, login), labels);
  }

  /** Begins the way to the host, once per login: the client may not change its mind about whom it signs in as. */
  #startLink(login: string, decision: AllowedLogin): HostLink | undefined {
    // Between the cut and the last words, what the client has sent already still comes in.
    if (this.#phase.kind !== 'proving' || this.#isCut) return undefined;
    if (this.#phase.link !== undefined)
      return this.#phase.link.login === login ? this.#phase.link : undefined;
    const { services, hostKeys, signIns } = this.#options;
    const { host } = this.#admitted;
    const link = new HostLink({
      ...{ host, login, signIns, hostKeys, clock: services.clock },
      onIncoming: (incoming) => void this.#fromHost(incoming),
      begin: decision.needsApproval === true ? 'when_allowed' : 'now',
    });
    this.#phase = { kind: 'proving', link };
    return link;
  }

  /** The key is proved: session and events first, then the operator is in and the bastion signs in on the host. */
  async #admit(attempt: SshAuthAttempt, link: HostLink, decision: AllowedLogin): Promise<void> {
    const { services, registry, labelsOf, stillTrusts } = this.#options;
    const { host, gate, claims } = this.#admitted;
    this.#phase = { kind: 'admitting', link };
    const { bastionName, locks } = services;
    const refusal = lateRefusal({ bastionName, registry, locks, stillTrusts }, claims, decision.limits);
    if (refusal !== undefined) {
      await this.#refuseLogin(attempt.username, refusal);
      this.#cut(refusal.reason);
      return;
    }
    const session = registry.create(identityOf(this.#admitted, attempt.username));
    session.decidedUntilMs = decision.untilMs ?? Number.POSITIVE_INFINITY;
    const context = new SessionContext({ services, session, link, labels: () => labelsOf(host.name) });
    const announced = this.#announce(context);
    endWithLogin(session, claims, this.#ssh.signal, services.clock);
    const hostChannels = new HostChannels(context, this.#ssh);
    this.#phase = { kind: 'live', link, session, context, hostChannels, announced };
    session.signal.addEventListener('abort', () => this.#cut(sentenceOf(session.signal.reason)), {
      once: true,
    });
    if (!(await announced)) return;
    if (this.#phase.kind !== 'live') return;
    if (gate.aborted || session.phase.kind !== 'live') {
      session.end({ code: 'access.off', message: sentenceOf(gate.reason) });
      return;
    }
    if (decision.needsApproval !== true) context.allowHostSignIn();
    link.ready.then(
      (connection) =>
        connection.signal.addEventListener('abort', () => this.#hostLost(session), { once: true }),
      () => undefined,
    );
    attempt.accept();
    this.#tell.decided();
  }

  async #announce(context: SessionContext): Promise<boolean> {
    try {
      await this.#entries.enterAdmitted(context, this.#ssh.clientVersion);
      await this.#options.registry.announce(context.session);
      return true;
    } catch (error) {
      context.endForEvidence(error);
      return false;
    }
  }

  #hostLost(session: Session): void {
    if (this.#ssh.signal.aborted) return;
    session.end(this.#admitted.host.loss());
  }

  async #refuseLogin(login: string, refusal: LoginRefusal): Promise<void> {
    if (!(await this.#entries.enterRefused(login, refusal))) return;
    const { bastionName } = this.#options.services;
    this.#ssh.sendBanner(`${bastionName} refused: ${refusal.reason.replace(/\.$/, '')}.\r\n`);
  }

  async #whenLive(
    open: { refuse(sentence: string): void },
    serve: (context: SessionContext) => void | Promise<void>,
  ): Promise<void> {
    if (this.#phase.kind !== 'live' || this.#phase.session.phase.kind !== 'live') {
      open.refuse('The session has ended.');
      return;
    }
    await this.#channels.admit(open, this.#phase.context, serve);
  }

  async #fromHost(incoming: IncomingChannel): Promise<void> {
    try {
      await this.#whenLive(incoming, async () => {
        if (this.#phase.kind !== 'live') return;
        const channel = await this.#phase.hostChannels.take(incoming);
        if (channel !== undefined) this.#channels.keep(channel);
      });
    } catch (error) {
      // Only evidence that can't be written comes here, and the session ends for it already.
      incoming.refuse(sentenceOf(error));
    }
  }

  /**
   * Nothing passes any more when this has returned, and the host is cut off. The last words wait for the next turn of
   * the event loop: when everybody is cut at once, all hosts and all floods come first.
   */
  #cut(message: string): void {
    if (this.#phase.kind === 'gone' || this.#isCut) return;
    this.#isCut = true;
    if ('link' in this.#phase) this.#phase.link?.destroy();
    this.#channels.silence();
    setImmediate(() => this.#lastWords(message));
  }

  #lastWords(message: string): void {
    this.#channels.cut(message);
    this.#ssh.disconnect(message);
    cutAfterLastWords(this.#admitted.stream, this.#options.services.clock);
  }

  async #closed(reason: string): Promise<void> {
    const phase = this.#phase;
    this.#phase = { kind: 'gone' };
    this.#admitted.gate.removeEventListener('abort', this.#onGate);
    if ('link' in phase) phase.link?.destroy();
    try {
      if (phase.kind === 'live') await this.#finish(phase, { code: 'session.closed', message: reason });
      else await this.#entries.enterUnproved(reason);
    } catch (error) {
      this.#options.services.log.error({ err: error }, 'the end of a connection could not be entered');
    } finally {
      this.#tell.gone();
    }
  }

  /** The session may have gone before its start was stored; its end comes behind that all the same. */
  async #finish(phase: Extract<Phase, { kind: 'live' }>, fallback: SessionEnding): Promise<void> {
    await phase.announced;
    await this.#channels.finished();
    await phase.hostChannels.close();
    await this.#options.registry.finish(phase.session, fallback);
  }
}

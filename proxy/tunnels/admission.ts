import type { AuditSink } from '../../shared/audit/event.ts';
import type { Clock } from '../../shared/clock.ts';
import { DrawbridgeError, isDrawbridgeError, messageOf } from '../../shared/errors.ts';
import type { NodeIdentity } from '../../shared/identity/node-identity.ts';
import { createPassId, signPass } from '../../shared/identity/pass.ts';
import { plainText } from '../../shared/plain-text.ts';
import type {
  OpenedStream,
  PrefaceReply,
  PrefaceRequest,
  Tunnel,
  TunnelStream,
} from '../../shared/tunnel/tunnel.ts';
import type { OperatorRights, Operators, ProvenOperator } from '../accounts/operators.ts';
import type { Refusals } from '../accounts/refusals.ts';
import type { Directory } from '../store/directory.ts';
import type { EnrolledBastion, EnrolmentStore } from '../store/store.ts';
import { parseDestination } from './destination.ts';
import { type Vouched, withdraw } from './withdrawal.ts';

/** A bastion that has not answered after so long is treated as unreachable. */
const SSH_REPLY_TIMEOUT_MS = 10_000;

/** What an operator asks for, and from where. */
export interface Ask {
  readonly operator: ProvenOperator;
  /** As the operator wrote it: `web-1.acme`. */
  readonly destination: string;
  /** The operator's address. */
  readonly source: string;
  /** Aborted when the operator has gone. */
  readonly signal: AbortSignal;
}

/** A way to a host that the bastion has opened. */
export interface Admitted {
  readonly stream: TunnelStream;
  readonly host: string;
  readonly bastion: string;
  /** Takes back the proxy's word and says why; the stream is to be cut when this has resolved. Never rejects. */
  readonly withdraw: (sentence: string) => Promise<void>;
}

/** A stream that is vouched for, and the bastion's answer to it. */
type OpenedConnection = Vouched & Pick<OpenedStream, 'reply'>;

/** Takes operators to bastions: finds the tunnel, vouches for the operator with a pass, opens the stream. */
export class Admission {
  readonly #identity: NodeIdentity;
  readonly #operators: Operators;
  readonly #enrolments: EnrolmentStore;
  readonly #directory: Directory;
  readonly #refusals: Refusals;
  readonly #audit: AuditSink;
  readonly #clock: Clock;
  readonly #stopping: AbortSignal;

  constructor(parts: {
    readonly identity: NodeIdentity;
    readonly operators: Operators;
    readonly enrolments: EnrolmentStore;
    readonly directory: Directory;
    readonly refusals: Refusals;
    readonly audit: AuditSink;
    readonly clock: Clock;
    /** Aborted when the proxy has begun to stop. */
    readonly stopping: AbortSignal;
  }) {
    this.#identity = parts.identity;
    this.#operators = parts.operators;
    this.#enrolments = parts.enrolments;
    this.#directory = parts.directory;
    this.#refusals = parts.refusals;
    this.#audit = parts.audit;
    this.#clock = parts.clock;
    this.#stopping = parts.stopping;
  }

  /**
   * Opens a stream to a host's SSH at its bastion, and gives it once the bastion has agreed. Every refusal is an
   * audit event and a sentence for the operator.
   * @throws `destination.invalid`, `operator.login_ended`, `bastion.unknown`, `bastion.offline`, `bastion.silent`,
   *   `proxy.stopping`, `audit.unavailable`, or the bastion's own code with its own sentence.
   */
  async openHost(ask: Ask): Promise<Admitted> {
    try {
      return await this.#openHost(ask);
    } catch (error) {
      if (ask.signal.aborted) throw gone();
      const code = isDrawbridgeError(error) ? error.code : 'internal';
      await this.#refusals.add({
        type: code === 'destination.invalid' ? 'forward.refused' : 'operator.refused',
        reason: code,
        source: ask.source,
        operator: ask.operator.username,
        fingerprint: ask.operator.fingerprint,
        destination: plainText(ask.destination),
      });
      throw error;
    }
  }

  /**
   * Asks a bastion something about what the operator may do there, vouching for the operator in the same way.
   * @throws like {@link openHost}
   */
  async ask(
    operator: ProvenOperator,
    bastion: EnrolledBastion,
    request: PrefaceRequest,
    timeoutMs: number,
  ): Promise<Extract<PrefaceReply, { ok: true }>> {
    const opened = await this.#open(operator, bastion, request);
    opened.stream.resume();
    try {
      return await answered(opened, bastion.name, timeoutMs, undefined, this.#clock);
    } finally {
      opened.stream.destroy();
    }
  }

  async #openHost({ operator, destination, source, signal }: Ask): Promise<Admitted> {
    const { host, bastion: name } = parseDestination(destination);
    const bastion = await this.#enrolments.findBastionByName(name);
    if (!bastion) {
      throw new DrawbridgeError('bastion.unknown', `There is no bastion "${name}" here.`, {
        hint: 'Write HOST.BASTION; `drawbridge hosts` lists what can be reached.',
      });
    }
    const before = await this.#operators.rightsOf(operator);
    const opened = await this.#open(operator, bastion, { v: 1, kind: 'ssh', host, source }, async () => {
      await this.#audit.append({
        type: 'operator.admitted',
        actor: `operator:${operator.username}`,
        operator: operator.username,
        host,
        bastion: name,
        bastionId: bastion.id,
        source,
        by: operator.by,
        amr: operator.amr,
        fingerprint: operator.fingerprint,
      });
    });
    try {
      await answered(opened, name, SSH_REPLY_TIMEOUT_MS, signal, this.#clock);
      // Asked again: whoever disables an account cuts what is open, and this was not open yet.
      requireUnchanged(before, await this.#operators.rightsOf(operator));
    } catch (error) {
      opened.stream.destroy();
      throw error;
    }
    return {
      stream: opened.stream,
      host,
      bastion: name,
      withdraw: (sentence) => withdraw(opened, sentence, this.#clock),
    };
  }

  async #open(
    operator: ProvenOperator,
    bastion: EnrolledBastion,
    request: PrefaceRequest,
    beforeOpening: () => Promise<void> = async () => undefined,
  ): Promise<OpenedConnection> {
    if (this.#stopping.aborted) {
      throw new DrawbridgeError('proxy.stopping', 'The proxy is stopping.', {
        hint: 'Try again in a minute.',
      });
    }
    const { groups, device, idp } = await this.#operators.rightsOf(operator);
    if (!(await this.#directory.find(bastion.id))) throw offline(bastion.name);
    const passId = createPassId();
    const pass = await signPass(
      this.#identity,
      {
        jti: passId,
        sub: operator.username,
        aud: bastion.id,
        groups,
        amr: operator.amr,
        auth_time: Math.floor(operator.authTimeMs / 1000),
        login_exp: Math.floor(operator.expiresAtMs / 1000),
        ...(device === undefined ? {} : { device }),
        ...(idp === undefined ? {} : { idp }),
        cnf: operator.fingerprint,
      },
      this.#clock,
    );
    await beforeOpening();
    // Looked up again: tunnels come and go while the event is stored.
    const tunnel = await this.#directory.find(bastion.id);
    if (!tunnel) throw offline(bastion.name);
    const opened = openOn(tunnel, { ...request, pass }, bastion.name);
    // A stream that is cut before anyone pipes it must not end the process; whoever uses it sees `close`.
    opened.stream.on('error', () => undefined);
    return { ...opened, tunnel, passId };
  }
}

/** A right that was taken away while the bastion was asked has cut what was open, and this was not open yet. */
function requireUnchanged(before: OperatorRights, now: OperatorRights): void {
  if (before.device === now.device && before.groups.every((group) => now.groups.includes(group))) return;
  throw new DrawbridgeError('operator.rights_changed', 'Your groups or your device have changed.', {
    hint: 'Connect again.',
  });
}

function openOn(tunnel: Tunnel, request: PrefaceRequest, bastion: string): OpenedStream {
  try {
    return tunnel.open(request);
  } catch (error) {
    throw shown(error, bastion);
  }
}

async function answered(
  opened: OpenedStream,
  bastion: string,
  timeoutMs: number,
  signal: AbortSignal | undefined,
  clock: Clock,
): Promise<Extract<PrefaceReply, { ok: true }>> {
  let stopWaiting: () => void = () => undefined;
  const interrupted = new Promise<never>((_resolve, reject) => {
    const timer = clock.after(timeoutMs, () => reject(silent(bastion)));
    const left = (): void => reject(gone());
    if (signal?.aborted) left();
    signal?.addEventListener('abort', left, { once: true });
    stopWaiting = () => {
      timer.cancel();
      signal?.removeEventListener('abort', left);
    };
  });
  try {
    return await Promise.race([opened.reply, interrupted]);
  } catch (error) {
    throw shown(error, bastion);
  } finally {
    stopWaiting();
  }
}

/** A refusal as the operator may see it: the bastion's sentence is a peer's text. */
function shown(error: unknown, bastion: string): DrawbridgeError {
  if (!isDrawbridgeError(error)) {
    return new DrawbridgeError('bastion.failed', `Bastion "${bastion}" could not be asked.`, {
      cause: error,
    });
  }
  if (error.code === 'tunnel.closed' || error.code === 'tunnel.draining') return offline(bastion, error);
  const code = /^[a-z][a-z_]*(\.[a-z][a-z_]*)*$/.test(error.code)
    ? error.code.slice(0, 64)
    : 'bastion.refused';
  const hint = error.hint === undefined ? {} : { hint: plainText(error.hint) };
  return new DrawbridgeError(code, plainText(messageOf(error)), { ...hint, cause: error });
}

function offline(bastion: string, cause?: unknown): DrawbridgeError {
  return new DrawbridgeError('bastion.offline', `Bastion "${bastion}" is not connected.`, {
    hint: 'Remote access may be turned off by the customer, or its network may be down.',
    cause,
  });
}

function silent(bastion: string): DrawbridgeError {
  return new DrawbridgeError('bastion.silent', `Bastion "${bastion}" did not answer.`, {
    hint: 'Try again; if it goes on, ask the customer to look at the bastion.',
  });
}

function gone(): DrawbridgeError {
  return new DrawbridgeError('operator.gone', 'The operator has gone.');
}

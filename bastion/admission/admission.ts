import { z } from 'zod';
import type { Clock } from '../../shared/clock.ts';
import { type DrawbridgeError, isDrawbridgeError } from '../../shared/errors.ts';
import type { PassClaims } from '../../shared/identity/claims.ts';
import type { Logger } from '../../shared/log.ts';
import type { IncomingStream, TunnelStream } from '../../shared/tunnel/tunnel.ts';
import type { Gate } from '../gate/gate.ts';
import type { Host } from '../hosts/host.ts';
import type { HostDirectory } from '../hosts/host-directory.ts';
import { decide, type PolicyDecision } from '../policy/decide.ts';
import type { Policy } from '../policy/schema.ts';
import type { SessionRegistry } from '../sessions/session-registry.ts';
import { identityRefusal } from '../trust/refusal-sentence.ts';
import type { EvidenceHealth } from './evidence-health.ts';
import { listHostsFor } from './host-list.ts';
import type { OperatorLocks } from './operator-locks.ts';
import type { RefusalLog } from './refusal-log.ts';

/** Streams that are being decided, or whose operator has not proved their key yet. */
export const OPENING_STREAMS_MAX = 128;

/** Of these, so many may be one operator's: nobody keeps the others out by not finishing what they begin. */
export const OPENING_STREAMS_PER_OPERATOR_MAX = 64;

const UNPRINTABLE = /[^\x20-\x7e]/;
const plain = (limit: number) =>
  z
    .string()
    .min(1)
    .max(limit)
    .refine((text) => !UNPRINTABLE.test(text));

const requestSchema = z.object({
  pass: z.string().min(1),
  host: plain(100).optional(),
  source: plain(200).optional(),
});

/** An operator who may try to sign in on a host: the pass is good, the key is yet to be proved. */
export interface AdmittedStream {
  readonly stream: TunnelStream;
  readonly claims: PassClaims;
  readonly host: Host;
  /** The operator's address, as the proxy reports it. */
  readonly source?: string;
  /** Aborted when the gate closes. */
  readonly gate: AbortSignal;
}

export interface AdmissionOptions {
  /** The bastion's name, for sentences to operators. */
  readonly name: string;
  readonly gate: Gate;
  readonly registry: Pick<SessionRegistry, 'refusal'>;
  readonly hosts: Pick<HostDirectory, 'find' | 'all'>;
  readonly policy: { readonly policy: Policy };
  readonly evidence: Pick<EvidenceHealth, 'problem'>;
  readonly refusals: RefusalLog;
  readonly locks: Pick<OperatorLocks, 'isLocked'>;
  readonly clock: Clock;
  readonly log: Logger;
  /** Checks a pass, once. @throws `pass.*` */
  readonly verifyPass: (token: string) => Promise<PassClaims>;
  /** Serves the stream. Resolves when its operator has proved the key, or has gone. */
  readonly onAdmitted: (admitted: AdmittedStream) => Promise<void>;
}

/** Why somebody is not let in: `code` and `sentence` go out, `detail` (when there is one) only into the audit log. */
interface Refusal {
  readonly code: string;
  readonly sentence: string;
  readonly detail?: string;
  readonly hint?: string;
}

/** What a stream that comes through the vendor's proxy may be for, as its preface says. */
export const STREAM_KINDS = ['ssh', 'hosts'] as const;

type StreamKind = (typeof STREAM_KINDS)[number];

function streamKindOf(text: string): StreamKind | undefined {
  return STREAM_KINDS.find((kind) => kind === text);
}

/** Decides about every stream that comes through the vendor's proxy. */
export class Admission {
  readonly #options: AdmissionOptions;
  #opening = 0;
  readonly #openingOf = new Map<string, number>();

  constructor(options: AdmissionOptions) {
    this.#options = options;
  }

  /** Answers one stream. Never rejects for what the peer sent. */
  async handle(incoming: IncomingStream): Promise<void> {
    const kind = streamKindOf(incoming.request.kind);
    if (kind === undefined) {
      incoming.refuse('stream.unknown_kind', 'This bastion does not know what this stream is for.');
      return;
    }
    if (this.#opening >= OPENING_STREAMS_MAX) {
      await this.#refuse(incoming, undefined, {
        code: 'bastion.busy',
        sentence: `Too many operators are signing in at ${this.#options.name} at this moment. Try again.`,
      });
      return;
    }
    this.#opening += 1;
    try {
      await (kind === 'ssh' ? this.#ssh(incoming) : this.#hosts(incoming));
    } finally {
      this.#opening -= 1;
    }
  }

  async #ssh(incoming: IncomingStream): Promise<void> {
    const { gate, hosts, policy, registry, evidence } = this.#options;
    const checked = await this.#checkPass(incoming);
    if (checked === undefined) return;
    const { claims, source } = checked;
    const name = checked.host ?? '';
    const refuse = (refusal: Refusal): Promise<void> =>
      this.#refuse(incoming, { operator: claims.sub, host: name, source }, refusal);
    const host = hosts.find(name);
    if (host === undefined) {
      return refuse({ ...this.#noSuchHost(name), detail: `there is no host ${name}` });
    }
    const decision = this.#reach(policy.policy, claims, host, source);
    if (!decision.allow) return refuse(this.#denied(decision, name));
    if (!host.online) {
      const sentence = `The host ${name} is not connected to ${this.#options.name}.`;
      return refuse({ code: 'host.offline', sentence, hint: 'Its agent may be stopped.' });
    }
    const full = registry.refusal(claims.sub, decision.limits);
    if (full !== undefined) return refuse({ code: 'bastion.busy', sentence: full });
    const problem = await evidence.problem();
    if (problem !== undefined) {
      const sentence = `${this.#options.name} can not record sessions now, so it admits none: ${problem}`;
      return refuse({ code: 'evidence.unavailable', sentence, hint: "Tell the customer's administrator." });
    }
    // Asked last and again: the checks took time, in which the gate may have closed.
    const answer = gate.admit();
    if (!answer.open) return refuse({ code: 'access.off', sentence: answer.message });
    if (incoming.signal.aborted) return;
    const begun = this.#openingOf.get(claims.sub) ?? 0;
    if (begun >= OPENING_STREAMS_PER_OPERATOR_MAX) {
      const sentence = `You have begun ${begun} connections to ${this.#options.name} without signing in. Try again.`;
      return refuse({ code: 'bastion.busy', sentence });
    }
    this.#openingOf.set(claims.sub, begun + 1);
    try {
      const stream = incoming.accept();
      await this.#options.onAdmitted({
        stream,
        claims,
        host,
        gate: answer.signal,
        ...(source === undefined ? {} : { source }),
      });
    } finally {
      const left = (this.#openingOf.get(claims.sub) ?? 1) - 1;
      if (left === 0) this.#openingOf.delete(claims.sub);
      else this.#openingOf.set(claims.sub, left);
    }
  }

  async #hosts(incoming: IncomingStream): Promise<void> {
    const { hosts, policy, clock } = this.#options;
    const checked = await this.#checkPass(incoming);
    if (checked === undefined || incoming.signal.aborted) return;
    const { claims, source } = checked;
    // Asked again: the gate may have closed while the pass was checked.
    const answer = this.#options.gate.admit();
    if (!answer.open) {
      const who = { operator: claims.sub, source };
      await this.#refuse(incoming, who, { code: 'access.off', sentence: answer.message });
      return;
    }
    const list = listHostsFor({ claims, source, hosts: hosts.all(), policy: policy.policy, clock });
    endInOrder(incoming.accept(list));
  }

  /** Gate, then form, then pass. Undefined when the stream has been refused. */
  async #checkPass(
    incoming: IncomingStream,
  ): Promise<{ claims: PassClaims; host?: string | undefined; source?: string | undefined } | undefined> {
    const answer = this.#options.gate.admit();
    if (!answer.open) {
      await this.#refuse(incoming, undefined, { code: 'access.off', sentence: answer.message });
      return undefined;
    }
    const request = requestSchema.safeParse(incoming.request);
    if (!request.success) {
      const sentence = 'The proxy asked in a way that this bastion does not understand.';
      await this.#refuse(incoming, undefined, { code: 'stream.malformed', sentence });
      return undefined;
    }
    const { pass, host, source } = request.data;
    try {
      const claims = await this.#options.verifyPass(pass);
      if (!this.#options.locks.isLocked(claims.sub)) return { claims, host, source };
      const sentence = `${this.#options.name} does not let you in any more.`;
      const who = { operator: claims.sub, host, source };
      await this.#refuse(incoming, who, { code: 'operator.locked', sentence });
      return undefined;
    } catch (error) {
      if (!isDrawbridgeError(error)) throw error;
      const refusal = isStoreFault(error)
        ? { code: 'evidence.unavailable', detail: error.message, ...this.#storesNothing() }
        : { code: error.code, detail: error.message, ...identityRefusal(error, this.#options.name) };
      await this.#refuse(incoming, { host, source }, refusal);
      return undefined;
    }
  }

  /** A pass that can't be noted as used is not used; that is no fault of the operator's or the proxy's. */
  #storesNothing(): Pick<Refusal, 'sentence' | 'hint'> {
    return {
      sentence: `${this.#options.name} can not write to its disk now, so it admits nobody.`,
      hint: "Tell the customer's administrator.",
    };
  }

  #reach(policy: Policy, claims: PassClaims, host: Host, source: string | undefined): PolicyDecision {
    return decide(policy, {
      operator: claims.sub,
      groups: claims.groups,
      amr: claims.amr,
      ...(claims.device === undefined ? {} : { device: claims.device }),
      host: host.name,
      labels: host.labels,
      login: '',
      action: { kind: 'reach' },
      timeMs: this.#options.clock.nowMs(),
      ...(source === undefined ? {} : { source }),
    });
  }

  /** Who may not reach a host is told no more than somebody who asks for one that does not exist. */
  #denied(decision: Extract<PolicyDecision, { allow: false }>, host: string): Refusal {
    if (decision.code === 'policy.group' || decision.code === 'policy.host') {
      return { ...this.#noSuchHost(host), detail: decision.reason };
    }
    return { code: decision.code, sentence: `${this.#options.name} refused: ${decision.reason}.` };
  }

  #noSuchHost(host: string): Refusal {
    return {
      code: 'host.unknown',
      sentence: `${this.#options.name} has no host ${host} that you may reach.`,
      hint: 'See which there are with: drawbridge hosts',
    };
  }

  /** Enters the precise reason, then refuses; refuses as well when it can't be entered. */
  async #refuse(
    incoming: IncomingStream,
    who: { operator?: string; host?: string | undefined; source?: string | undefined } | undefined,
    refusal: Refusal,
  ): Promise<void> {
    try {
      await this.#options.refusals.add({
        type: 'operator.refused',
        actor: who?.operator === undefined ? 'system' : `operator:${who.operator}`,
        ...(who?.operator === undefined ? {} : { operator: who.operator }),
        ...(who?.host === undefined ? {} : { host: who.host }),
        source: who?.source,
        code: refusal.code,
        reason: refusal.detail ?? refusal.sentence,
      });
    } catch (error) {
      this.#options.log.error({ err: error, refused: refusal.code }, 'a refusal could not be audited');
    }
    if (!incoming.signal.aborted) incoming.refuse(refusal.code, refusal.sentence, refusal.hint);
  }
}

/** The reply is all that there is to say on such a stream. */
function endInOrder(stream: TunnelStream): void {
  stream.on('error', () => undefined);
  stream.resume();
  stream.end();
}

function isStoreFault(error: DrawbridgeError): boolean {
  return error.code.startsWith('store.');
}

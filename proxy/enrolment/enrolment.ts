import { AttemptLimit, type AttemptRate } from '../../shared/accounts/attempt-limit.ts';
import type { AuditSink } from '../../shared/audit/event.ts';
import type { Clock } from '../../shared/clock.ts';
import { DrawbridgeError, isDrawbridgeError } from '../../shared/errors.ts';
import {
  type EnrolmentRequest,
  readEnrolmentKid,
  signEnrolmentReply,
  verifyEnrolment,
} from '../../shared/identity/enrolment.ts';
import type { NodeIdentity } from '../../shared/identity/node-identity.ts';
import { refusalReasonOf } from '../../shared/identity/refusal.ts';
import { networkOf } from '../../shared/network.ts';
import type { Refusals } from '../accounts/refusals.ts';
import type { EnrolmentStore, StoredJoinToken } from '../store/store.ts';

/** Enrolments that one address may try: each costs two signature checks. */
const ENROLMENT_RATE: AttemptRate = { burst: 30, refillMs: 2_000 };

/** Takes in bastions that hold a join token. */
export class Enrolments {
  readonly #identity: NodeIdentity;
  readonly #store: EnrolmentStore;
  readonly #refusals: Refusals;
  readonly #audit: AuditSink;
  readonly #clock: Clock;
  readonly #limit: AttemptLimit;

  constructor(parts: {
    readonly identity: NodeIdentity;
    readonly store: EnrolmentStore;
    readonly refusals: Refusals;
    readonly audit: AuditSink;
    readonly clock: Clock;
  }) {
    this.#identity = parts.identity;
    this.#store = parts.store;
    this.#refusals = parts.refusals;
    this.#audit = parts.audit;
    this.#clock = parts.clock;
    this.#limit = new AttemptLimit(ENROLMENT_RATE, parts.clock);
  }

  /**
   * Checks the proof, spends its token and pins the bastion's keys. Gives the signed reply.
   * @throws `enrolment.refused` alike for unknown, expired and forged tokens, `enrolment.spent`, `enrolment.name_taken`,
   *   `enrolment.limited`, `audit.unavailable`.
   */
  async enrol(proof: string, source: string): Promise<string> {
    if (!this.#limit.take(networkOf(source))) {
      throw new DrawbridgeError('enrolment.limited', 'There were too many tries from your address.', {
        hint: 'Try again in a minute.',
      });
    }
    const { token, request } = await this.#verified(proof, source);
    const obstacle = await this.#obstacle(token, request.id);
    if (obstacle !== undefined) throw await this.#refuse(obstacle, source, token.name, request.id);
    await this.#audit.append({
      type: 'bastion.joined',
      actor: `token:${token.kid}`,
      bastion: token.name,
      bastionId: request.id,
      source,
      sshHostKey: request.sshHostKey,
    });
    const outcome = await this.#store.enrol(token.kid, {
      id: request.id,
      name: token.name,
      publicJwk: request.publicJwk,
      sshHostKey: request.sshHostKey,
      fields: request.fields,
      enrolledAtMs: this.#clock.nowMs(),
    });
    if (outcome !== 'enrolled') throw await this.#refuse(outcome, source, token.name, request.id);
    return signEnrolmentReply(this.#identity, request.id, { name: token.name }, this.#clock);
  }

  /** Why the token can't be used, before the log says that it was; the store decides again. */
  async #obstacle(
    token: StoredJoinToken,
    id: string,
  ): Promise<'spent' | 'id_taken' | 'name_taken' | undefined> {
    if (token.spentAtMs !== undefined) return 'spent';
    const known = await this.#store.findBastion(id);
    if (known !== undefined && known.revokedAtMs === undefined) return 'id_taken';
    return (await this.#store.findBastionByName(token.name)) === undefined ? undefined : 'name_taken';
  }

  async #verified(
    proof: string,
    source: string,
  ): Promise<{ token: StoredJoinToken; request: EnrolmentRequest }> {
    try {
      const token = await this.#store.findJoinToken(readEnrolmentKid(proof));
      if (!token) throw new EnrolmentFault('unknown_token');
      if (token.expiresAtMs <= this.#clock.nowMs()) throw new EnrolmentFault('expired_token');
      const request = await verifyEnrolment(proof, {
        tokenKey: token.publicJwk,
        issuerThumbprint: this.#identity.thumbprint,
        clock: this.#clock,
      });
      if (request.role !== 'bastion') throw new EnrolmentFault('wrong_role');
      return { token, request };
    } catch (error) {
      const reason = error instanceof EnrolmentFault ? error.reason : refusalReasonOf(error);
      if (reason === undefined && !isDrawbridgeError(error, 'enrolment.refused')) throw error;
      throw await this.#refuse(reason ?? 'malformed', source);
    }
  }

  async #refuse(reason: string, source: string, name?: string, id?: string): Promise<DrawbridgeError> {
    await this.#refusals.add({
      type: 'bastion.refused',
      reason,
      source,
      ...(name === undefined ? {} : { bastion: name }),
      ...(id === undefined ? {} : { bastionId: id }),
    });
    return refusalOf(reason, name ?? '');
  }
}

class EnrolmentFault extends DrawbridgeError {
  readonly reason: string;

  constructor(reason: string) {
    super('enrolment.refused', 'The enrolment was refused.');
    this.reason = reason;
  }
}

function refusalOf(reason: string, name: string): DrawbridgeError {
  switch (reason) {
    case 'spent':
      return new DrawbridgeError('enrolment.spent', 'This join token has been used already.', {
        hint: 'Ask the vendor for a new one. If you did not use it yourself, tell them.',
      });
    case 'name_taken':
      return new DrawbridgeError('enrolment.name_taken', `Another bastion is called "${name}".`, {
        hint: 'Ask the vendor to revoke the old one first, or for a token with another name.',
      });
    case 'id_taken':
      return new DrawbridgeError('enrolment.id_taken', 'This bastion is enrolled already.', {
        hint: 'Start it, or ask the vendor to revoke it before it joins again.',
      });
    default:
      return new DrawbridgeError('enrolment.refused', 'This join token is not valid.', {
        hint: 'Tokens are valid for 30 minutes; ask the vendor for a new one, and check the clock of this machine.',
      });
  }
}

import { z } from 'zod';
import type { Actor, AuditSink, Json } from '../../shared/audit/event.ts';
import type { Clock } from '../../shared/clock.ts';
import { DrawbridgeError, isDrawbridgeError } from '../../shared/errors.ts';
import { JOIN_TOKEN_LIFETIME_S } from '../../shared/identity/claims.ts';
import {
  type EnrolmentRequest,
  readEnrolmentKid,
  signEnrolmentReply,
  verifyEnrolment,
} from '../../shared/identity/enrolment.ts';
import { createJoinToken } from '../../shared/identity/join-token.ts';
import { isNodeName, type NodeIdentity } from '../../shared/identity/node-identity.ts';
import { refusalReasonOf } from '../../shared/identity/refusal.ts';
import type { Logger } from '../../shared/log.ts';
import type { RefusalLog } from '../admission/refusal-log.ts';
import type { CreatedToken } from '../service.ts';
import type { AgentStore, StoredToken } from './agent-store.ts';
import type { HostDirectory } from './host-directory.ts';

const LABELS_MAX = 50;

const labelsSchema = z
  .record(z.string().regex(/^[A-Za-z0-9._/-]{1,63}$/), z.string().max(200))
  .refine((labels) => Object.keys(labels).length <= LABELS_MAX);

const bodySchema = z.object({ proof: z.string().min(1) });

const fieldsSchema = z.object({
  version: z.string().max(64).optional(),
  platform: z.string().max(128).optional(),
  target: z.enum(['builtin', 'sshd']).default('builtin'),
  labels: labelsSchema.default({}),
});

/** One and the same answer to every bad proof: the audit log tells the customer which it was. */
const REFUSED = {
  status: 403,
  body: {
    code: 'enrolment.refused',
    message: 'The join token was not accepted: it may be unknown, used, or older than 30 minutes.',
    hint: "Ask the customer's administrator for a new one.",
  },
} as const;

export interface AgentEnrolmentOptions {
  readonly identity: NodeIdentity;
  readonly store: AgentStore;
  readonly directory: HostDirectory;
  readonly audit: AuditSink;
  readonly refusals: RefusalLog;
  readonly clock: Clock;
  readonly log: Logger;
  /** OpenSSH public line of the key with which the bastion signs in on hosts. */
  readonly sshClientKey: string;
  /** The bastion's https:// address, for the line that is pasted on the host. */
  readonly publicUrl: string;
}

/** Single-use tokens, and the agents that join with them. */
export class AgentEnrolment {
  readonly #options: AgentEnrolmentOptions;

  constructor(options: AgentEnrolmentOptions) {
    this.#options = options;
  }

  /**
   * Makes a token for one host. Only its public half is stored.
   * @throws `host.invalid_name`, `host.invalid_labels`, `host.exists`, `audit.unavailable`.
   */
  async createToken(
    actor: Actor,
    request: { readonly name: string; readonly labels?: Readonly<Record<string, string>> },
  ): Promise<CreatedToken> {
    const { identity, store, directory, audit, clock, publicUrl } = this.#options;
    const { name } = request;
    if (!isNodeName(name)) {
      throw new DrawbridgeError('host.invalid_name', `A host can not be called "${name.slice(0, 100)}".`, {
        hint: 'Use letters, digits, and . _ - inside, at most 63 characters.',
      });
    }
    const labels = labelsSchema.safeParse(request.labels ?? {});
    if (!labels.success) {
      throw new DrawbridgeError('host.invalid_labels', 'The labels are not well formed.', {
        hint: `Use at most ${LABELS_MAX} names of letters, digits, and . _ / - with values of at most 200 characters.`,
      });
    }
    if (directory.has(name)) {
      throw new DrawbridgeError('host.exists', `There is a host ${name} already.`, {
        hint: `Revoke it first (drawbridge hosts revoke ${name}), or choose another name.`,
      });
    }
    const { token, kid, publicJwk } = createJoinToken(identity);
    const expiresAtMs = clock.nowMs() + JOIN_TOKEN_LIFETIME_S * 1000;
    const expiresAt = new Date(expiresAtMs).toISOString();
    await audit.append({ type: 'token.created', actor, host: name, kid, expiresAt, labels: labels.data });
    await store.addToken({ kid, publicJwk, name, labels: labels.data, createdBy: actor, expiresAtMs });
    const command = `drawbridge agent join ${publicUrl} ${token} --name ${name} --install`;
    return { token, name, expiresAt, command };
  }

  /** Answers `POST /api/enrol`. Never rejects for what the peer sent. */
  async handle(body: unknown, address: string): Promise<{ status: number; body: Json }> {
    const parsed = bodySchema.safeParse(body);
    if (!parsed.success) {
      return {
        status: 400,
        body: { code: 'enrolment.malformed', message: 'The body must be {"proof": …}.' },
      };
    }
    try {
      const { token, request } = await this.#verify(parsed.data.proof);
      return await this.#enrol(token, request, address);
    } catch (error) {
      if (!isDrawbridgeError(error)) throw error;
      if (error.code !== 'enrolment.refused') return unavailable(error);
      return this.#refuse(address, refusalReasonOf(error) ?? error.message);
    }
  }

  async #verify(proof: string): Promise<{ token: StoredToken; request: EnrolmentRequest }> {
    const { identity, store, clock } = this.#options;
    const token = await store.findToken(readEnrolmentKid(proof));
    if (token === undefined) throw new DrawbridgeError('enrolment.refused', 'no such token that can be used');
    const request = await verifyEnrolment(proof, {
      tokenKey: token.publicJwk,
      issuerThumbprint: identity.thumbprint,
      clock,
    });
    if (request.role !== 'agent')
      throw new DrawbridgeError('enrolment.refused', 'only agents join a bastion');
    return { token, request };
  }

  async #enrol(
    token: StoredToken,
    request: EnrolmentRequest,
    address: string,
  ): Promise<{ status: number; body: Json }> {
    const { identity, store, directory, audit, clock, sshClientKey } = this.#options;
    const fields = fieldsSchema.safeParse(request.fields);
    if (!fields.success) return this.#refuse(address, 'its fields are not well formed');
    if (directory.agent(request.id) !== undefined)
      return this.#refuse(address, 'this agent has joined already');
    const { version, platform, target, labels } = fields.data;
    await audit.append({
      type: 'agent.joined',
      actor: `agent:${token.name}`,
      host: token.name,
      agent: request.id,
      source: address,
      kid: token.kid,
      target,
    });
    const enrolled = await store.enrol(token.kid, {
      id: request.id,
      name: token.name,
      publicJwk: request.publicJwk,
      sshHostKey: request.sshHostKey,
      target,
      // What the customer wrote into the token comes before what the host says of itself.
      labels: { ...labels, ...token.labels },
      ...(version === undefined ? {} : { version }),
      ...(platform === undefined ? {} : { platform }),
    });
    if (!enrolled) return this.#refuse(address, 'the token was used, or the name was taken, meanwhile');
    const agent = await store.findById(request.id);
    if (agent !== undefined) directory.put(agent);
    const reply = await signEnrolmentReply(identity, request.id, { name: token.name, sshClientKey }, clock);
    return { status: 200, body: { reply } };
  }

  async #refuse(address: string, reason: string): Promise<{ status: number; body: Json }> {
    const { refusals, log } = this.#options;
    try {
      await refusals.add({ type: 'agent.refused', actor: 'system', source: address, reason });
    } catch (error) {
      log.error({ err: error }, 'a refused enrolment could not be audited');
    }
    return REFUSED;
  }
}

function unavailable(error: DrawbridgeError): { status: number; body: Json } {
  return {
    status: 503,
    body: {
      code: error.code,
      message: error.message,
      ...(error.hint === undefined ? {} : { hint: error.hint }),
    },
  };
}

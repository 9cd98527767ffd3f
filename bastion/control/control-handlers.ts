import { z } from 'zod';
import type { Json } from '../../shared/audit/event.ts';
import type { AuditLog } from '../../shared/audit/log.ts';
import type { ControlHandler } from '../../shared/control/handler.ts';
import { DrawbridgeError } from '../../shared/errors.ts';
import type { PolicyAdministration } from '../policy/policy-administration.ts';
import type { RecordingParts } from '../search/open-library.ts';
import type { BastionService } from '../service.ts';
import { defined, read, toJson } from './params.ts';
import { policyHandlers } from './policy-handlers.ts';
import { recordingHandlers } from './recording-handlers.ts';

const text = (limit: number) => z.string().max(limit);
const accessReason = text(1000).optional();

const schemas = {
  // On is strict: with an end that is misspelt it would have none. Off is never refused for what stands beside it.
  access: z.discriminatedUnion('state', [
    z.strictObject({
      state: z.literal('on'),
      forMs: z.number().positive().optional(),
      untilMs: z.number().positive().optional(),
      outsideWindows: z.boolean().optional(),
      reason: accessReason,
    }),
    z.object({ state: z.literal('off'), reason: accessReason }),
  ]),
  sessionQuery: z.object({
    live: z.boolean().optional(),
    operator: text(256).optional(),
    host: text(256).optional(),
    before: text(64).optional(),
    limit: z.int().min(1).max(500).default(50),
  }),
  sessionId: z.object({ id: text(64) }),
  sessionEnd: z.object({ id: text(64), message: text(500).optional() }),
  auditQuery: z.object({
    after: z.int().min(0).optional(),
    before: z.int().min(0).optional(),
    type: text(64).optional(),
    session: text(64).optional(),
    operator: text(256).optional(),
    host: text(256).optional(),
    newestFirst: z.boolean().optional(),
    limit: z.int().min(1).max(1000).default(100),
  }),
  name: z.object({ name: text(63) }),
  token: z.object({ name: text(63), labels: z.record(z.string(), z.string()).optional() }),
};

export interface ControlHandlerParts {
  readonly service: BastionService;
  readonly recordings: RecordingParts;
  readonly policies: PolicyAdministration;
  readonly audit: Pick<AuditLog, 'checkpoint'>;
  /** Forgets the pinned key of a host whose own sshd ends the session. False when none was pinned. */
  forgetHostKey(actor: Parameters<BastionService['revokeHost']>[0], name: string): Promise<boolean>;
}

/** The methods of the bastion's control socket: what its service can do, for whoever may open the socket. */
export function controlHandlers(parts: ControlHandlerParts): Readonly<Record<string, ControlHandler>> {
  const { service, audit } = parts;
  return {
    ...recordingHandlers(service, parts.recordings),
    status: async () => toJson(await service.status()),
    'access.set': async (params, { actor }) => {
      const { state, ...options } = read(schemas.access, params);
      const change = { state, ...defined(options) };
      return toJson(await service.setAccess(actor, change));
    },
    'sessions.list': async (params) => {
      const { limit, ...rest } = read(schemas.sessionQuery, params);
      return toJson(await service.listSessions({ limit, ...defined(rest) }));
    },
    'sessions.end': async (params, { actor }) => {
      const { id, message } = read(schemas.sessionEnd, params);
      await service.endSession(actor, id, message);
    },
    'sessions.watch': (params, { actor, signal }) =>
      watch(service, read(schemas.sessionId, params).id, actor, signal),
    'audit.query': async (params) => {
      const { limit, ...rest } = read(schemas.auditQuery, params);
      return toJson(await service.queryAudit({ limit, ...defined(rest) }));
    },
    'audit.checkpoint': async () => toJson(await audit.checkpoint()),
    'hosts.list': async () => toJson(await service.listHosts()),
    'hosts.revoke': async (params, { actor }) => service.revokeHost(actor, read(schemas.name, params).name),
    'hosts.forget_key': async (params, { actor }) => {
      const { name } = read(schemas.name, params);
      if (await parts.forgetHostKey(actor, name)) return;
      throw new DrawbridgeError('host.no_pinned_key', `No key of a host ${name} is pinned.`);
    },
    'token.create': async (params, { actor }) => {
      const { name, labels } = read(schemas.token, params);
      return toJson(await service.createJoinToken(actor, { name, ...defined({ labels }) }));
    },
    ...policyHandlers(parts.policies),
    'recordings.list': async (params) => {
      const { limit, ...rest } = read(schemas.sessionQuery, params);
      const sessions = await service.listSessions({ limit, ...defined(rest) });
      const recordings = sessions.flatMap(({ id, operator, host, login, recordings: own }) =>
        own.map((recording) => ({ session: id, operator, host, login, ...recording })),
      );
      return toJson(recordings);
    },
  };
}

async function* watch(
  service: BastionService,
  id: string,
  actor: Parameters<BastionService['watchSession']>[0],
  signal: AbortSignal,
): AsyncGenerator<Json> {
  for await (const event of await service.watchSession(actor, id, signal)) yield toJson(event);
}

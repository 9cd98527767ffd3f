import { type ZodType, z } from 'zod';
import type { Json } from '../shared/audit/event.ts';
import type { ControlHandler } from '../shared/control/handler.ts';
import { DrawbridgeError } from '../shared/errors.ts';
import type { ProxyAdministration } from './administration.ts';

const name = z.string().min(1).max(253);

const addUserSchema = z.strictObject({
  username: name,
  groups: z.array(z.string()).default([]),
  password: z.string().exactOptional(),
});
const usernameSchema = z.strictObject({ username: name });
const addKeySchema = z.strictObject({ username: name, publicKey: z.string().max(16_384) });
const groupsSchema = z.strictObject({ username: name, groups: z.array(z.string()) });
const removeKeySchema = z.strictObject({ username: name, fingerprint: name });
const removeSecurityKeySchema = z.strictObject({ username: name, name });
const deviceSchema = z.strictObject({ id: name });
const listKeysSchema = z.strictObject({ username: name.optional() }).nullish();
const bastionSchema = z.strictObject({ name });
/** The latest ones; each of them proves all before it, so that no more are needed. */
const CHECKPOINTS_LISTED = 200;

const resetWitnessSchema = z.strictObject({ name, reason: z.string().min(1).max(1000) });
const auditQuerySchema = z.strictObject({
  after: z.int().min(0).exactOptional(),
  before: z.int().min(1).exactOptional(),
  type: name.exactOptional(),
  session: name.exactOptional(),
  operator: name.exactOptional(),
  host: name.exactOptional(),
  newestFirst: z.boolean().exactOptional(),
  limit: z.int().min(1).max(1000).default(100),
});

/** What the control socket offers, by method. */
export function controlHandlers(
  administration: ProxyAdministration,
  status: () => Promise<Json>,
): Readonly<Record<string, ControlHandler>> {
  return {
    'user.add': async (params, { actor }) =>
      json(await administration.users.add(actor, parsed(addUserSchema, params))),
    'user.list': async () => json(await administration.users.list()),
    'user.disable': async (params, { actor }) =>
      json(await administration.users.disable(actor, parsed(usernameSchema, params).username)),
    'user.reset-mfa': async (params, { actor }) =>
      json(await administration.users.resetMfa(actor, parsed(usernameSchema, params).username)),
    'user.key.add': async (params, { actor }) => {
      const { username, publicKey } = parsed(addKeySchema, params);
      return json(await administration.users.addKey(actor, username, publicKey));
    },
    'user.key.list': async (params) =>
      json(await administration.users.listKeys(parsed(listKeysSchema, params)?.username)),
    ...factorHandlers(administration),
    ...deviceHandlers(administration),
    'bastion.list': async () => json(await administration.listBastions()),
    'bastion.token': async (params, { actor }) =>
      json(await administration.createBastionToken(actor, parsed(bastionSchema, params).name)),
    'bastion.revoke': async (params, { actor }) =>
      json(await administration.revokeBastion(actor, parsed(bastionSchema, params).name)),
    'bastion.reset-witness': async (params, { actor }) => {
      const { name: bastion, reason } = parsed(resetWitnessSchema, params);
      await administration.resetWitness(actor, bastion, reason);
    },
    'bastion.checkpoints': async (params) => {
      const all = await administration.witnessedCheckpoints(parsed(bastionSchema, params).name);
      return json(all.slice(-CHECKPOINTS_LISTED));
    },
    'audit.checkpoint': () => administration.checkpoint(),
    'audit.ls': async (params) =>
      json(await administration.queryAudit(parsed(auditQuerySchema, params ?? {}))),
    status: () => status(),
  };
}

function factorHandlers({ users, factors }: ProxyAdministration): Readonly<Record<string, ControlHandler>> {
  return {
    'user.enable': async (params, { actor }) => {
      await users.enable(actor, parsed(usernameSchema, params).username);
      return {};
    },
    'user.groups': async (params, { actor }) => {
      const { username, groups } = parsed(groupsSchema, params);
      return json(await users.setGroups(actor, username, groups));
    },
    'user.recovery-codes': async (params, { actor }) =>
      json(await users.renewRecoveryCodes(actor, parsed(usernameSchema, params).username)),
    'user.key.remove': async (params, { actor }) => {
      const { username, fingerprint } = parsed(removeKeySchema, params);
      return json(await users.removeKey(actor, username, fingerprint));
    },
    'user.security-key.link': async (params, { actor }) =>
      json(await factors.createLink(actor, parsed(usernameSchema, params).username, 'security_key')),
    'user.authenticator.link': async (params, { actor }) =>
      json(await factors.createLink(actor, parsed(usernameSchema, params).username, 'authenticator')),
    'user.security-key.list': async (params) =>
      json(await factors.listSecurityKeys(parsed(listKeysSchema, params)?.username)),
    'user.security-key.remove': async (params, { actor }) => {
      const { username, name } = parsed(removeSecurityKeySchema, params);
      await factors.removeSecurityKey(actor, username, name);
      return {};
    },
  };
}

function deviceHandlers({ devices }: ProxyAdministration): Readonly<Record<string, ControlHandler>> {
  return {
    'device.list': async () => json(await devices.list()),
    'device.approve': async (params, { actor }) =>
      json(await devices.approve(actor, parsed(deviceSchema, params).id)),
    'device.revoke': async (params, { actor }) =>
      json(await devices.revoke(actor, parsed(deviceSchema, params).id)),
  };
}

function parsed<T>(schema: ZodType<T>, params: Json): T {
  const result = schema.safeParse(params);
  if (result.success) return result.data;
  const faults = result.error.issues.map(({ path, message }) => [...path, message].join(': '));
  throw new DrawbridgeError('control.invalid', `The request is not well formed: ${faults.join('; ')}.`);
}

/** Plain data (strings, numbers, lists, objects of them) as JSON; what is undefined is left out. */
function json(value: object): Json {
  return JSON.parse(JSON.stringify(value)) as Json;
}

import { createPrivateKey, type KeyObject } from 'node:crypto';
import { readFile, rm } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { systemClock } from '../shared/clock.ts';
import type { Egress } from '../shared/egress/egress.ts';
import { DrawbridgeError, systemCodeOf } from '../shared/errors.ts';
import { freshEd25519 } from '../shared/fresh-key.ts';
import { NEW_DEVICE, signDeviceProof } from '../shared/identity/device-proof.ts';
import { publicJwkOf } from '../shared/identity/keys.ts';
import { writeWholeFile } from '../shared/store/whole-file.ts';
import type { OperatorHome } from './home.ts';
import { requireLogin } from './login-file.ts';
import { loginEgress, operatorToken, requestProxy } from './proxy-api.ts';

const deviceFile = z.object({
  version: z.literal(1),
  proxyId: z.string(),
  id: z.string(),
  name: z.string(),
  /** PKCS #8 in PEM. */
  privateKey: z.string(),
});

/** This machine as a proxy knows it. */
export type EnrolledDevice = Readonly<z.infer<typeof deviceFile>>;

const challengeAnswer = z.object({ challenge: z.string().max(256), proxy: z.string().max(256) });
const enrolAnswer = z.object({ id: z.string(), name: z.string() });

/** Where the device's key lies: beside the login, and kept when the login is removed. */
function devicePath(home: OperatorHome): string {
  return join(home.dir, 'device.json');
}

/** The device that was enrolled on this machine, if one was. @throws `device.unreadable` */
export async function readDevice(home: OperatorHome): Promise<EnrolledDevice | undefined> {
  let text: string;
  try {
    text = await readFile(devicePath(home), 'utf8');
  } catch (error) {
    if (systemCodeOf(error) === 'ENOENT') return undefined;
    throw unreadable(home, error);
  }
  try {
    return deviceFile.parse(JSON.parse(text));
  } catch (error) {
    throw unreadable(home, error);
  }
}

/**
 * Makes a key for this machine and enrols it with the proxy of the login; an administrator has to approve it.
 * @throws `device.exists`, `login.none`, `login.expired`, `egress.*`, what the proxy refuses with
 */
export async function enrolDevice(
  home: OperatorHome,
  env: NodeJS.ProcessEnv,
  name = hostname().slice(0, 64),
): Promise<EnrolledDevice> {
  const login = await requireLogin(home, Date.now());
  const before = await readDevice(home);
  if (before?.proxyId === login.proxy.id) {
    throw new DrawbridgeError('device.exists', `This device is enrolled already, as ${before.id}.`, {
      hint: 'If it was revoked: `drawbridge device forget`, and enrol it anew.',
    });
  }
  const egress = await loginEgress(home, login, env);
  const { privateKey, publicKey } = freshEd25519();
  const { challenge } = await requestChallenge(egress, login.proxy.url);
  const proof = await signDeviceProof(
    { iss: NEW_DEVICE, aud: login.proxy.id, jti: challenge, cnf: login.key.fingerprint },
    privateKey,
    systemClock,
  );
  const answer = enrolAnswer.safeParse(
    await requestProxy(egress, login.proxy.url, '/api/operator/devices', {
      method: 'POST',
      token: await operatorToken(home, login, env),
      body: { name, publicJwk: publicJwkOf(publicKey), proof },
    }),
  );
  if (!answer.success) throw unexpected();
  const device: EnrolledDevice = {
    version: 1,
    proxyId: login.proxy.id,
    ...answer.data,
    privateKey: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  };
  await writeWholeFile(devicePath(home), `${JSON.stringify(device, null, 2)}\n`);
  return device;
}

/** Removes the device's key from this machine. False when there was none. */
export async function forgetDevice(home: OperatorHome): Promise<boolean> {
  try {
    await rm(devicePath(home));
    return true;
  } catch (error) {
    if (systemCodeOf(error) === 'ENOENT') return false;
    throw error;
  }
}

/**
 * Proves towards the proxy at `url` that the login key with this fingerprint is used on this device.
 * @returns the field for the login's request; none when no device is enrolled, or with another proxy
 * @throws `device.unreadable`, `egress.*`
 */
export async function deviceProof(
  home: OperatorHome,
  egress: Egress,
  url: string,
  fingerprint: string,
): Promise<{ readonly deviceProof?: string }> {
  const device = await readDevice(home);
  if (device === undefined) return {};
  const { challenge, proxy } = await requestChallenge(egress, url);
  if (proxy !== device.proxyId) return {};
  const claims = { iss: device.id, aud: proxy, jti: challenge, cnf: fingerprint };
  return { deviceProof: await signDeviceProof(claims, keyOf(home, device), systemClock) };
}

function keyOf(home: OperatorHome, device: EnrolledDevice): KeyObject {
  try {
    return createPrivateKey(device.privateKey);
  } catch (error) {
    throw unreadable(home, error);
  }
}

async function requestChallenge(egress: Egress, url: string): Promise<z.infer<typeof challengeAnswer>> {
  const answer = challengeAnswer.safeParse(
    await requestProxy(egress, url, '/api/device/challenge', { method: 'POST', body: {} }),
  );
  if (answer.success) return answer.data;
  throw unexpected();
}

function unexpected(): DrawbridgeError {
  return new DrawbridgeError('proxy.unexpected', 'The proxy answered about the device in an unknown form.', {
    hint: 'Use the command of the same version as the proxy.',
  });
}

function unreadable(home: OperatorHome, cause: unknown): DrawbridgeError {
  return new DrawbridgeError('device.unreadable', `The device's key in ${devicePath(home)} can't be read.`, {
    hint: 'Remove it with `drawbridge device forget`, and enrol the device anew.',
    cause,
  });
}

import type { KeyObject } from 'node:crypto';
import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { DeviceAdministration } from '../../../proxy/accounts/device-administration.ts';
import { DEVICES_PER_OPERATOR_LIMIT } from '../../../proxy/accounts/devices.ts';
import type { Login } from '../../../proxy/store/store.ts';
import { freshEd25519 } from '../../../shared/fresh-key.ts';
import { type DeviceClaims, NEW_DEVICE, signDeviceProof } from '../../../shared/identity/device-proof.ts';
import { publicJwkOf } from '../../../shared/identity/keys.ts';
import { generateSshKey, parsePublicLine } from '../../../shared/ssh/keys.ts';
import { proxyAccounts } from '../../support/proxy-accounts.ts';

const ROOT = 'local:root';
const PROXY = 'p-test';
const REFUSED = { code: 'device.refused' };

async function withDevices() {
  const accounts = await proxyAccounts();
  const { store, relays, audit, clock, devices, logins, operators } = accounts;
  const administration = new DeviceAdministration({ store, relays, audit, clock });
  const proofOf = (key: KeyObject, claims: Partial<DeviceClaims>): Promise<string> =>
    signDeviceProof(
      { iss: NEW_DEVICE, aud: PROXY, jti: devices.challenge(), cnf: 'SHA256:none', ...claims },
      key,
      clock,
    );
  /** A login with right factors, from a device if one is given. */
  const login = async (from?: { id: string; key: KeyObject }, claims: Partial<DeviceClaims> = {}) => {
    clock.advance(30_000);
    const publicKey = generateSshKey('login').publicLine;
    const { fingerprint } = parsePublicLine(publicKey);
    const proof =
      from === undefined
        ? {}
        : { deviceProof: await proofOf(from.key, { iss: from.id, cnf: fingerprint, ...claims }) };
    return logins.login(accounts.request({ publicKey, ...proof }));
  };
  const operatorOf = async ({ fingerprint }: Login) => {
    const standing = await operators.standingOf(fingerprint);
    if (standing.kind !== 'login') throw new Error(`the login is not good: ${standing.kind}`);
    return standing.operator;
  };
  /** A device that alice has just enrolled. */
  const enrol = async (name = 'laptop') => {
    const first = await login();
    const { privateKey, publicKey } = freshEd25519();
    const proof = await proofOf(privateKey, { cnf: first.fingerprint });
    const request = { name, publicJwk: publicJwkOf(publicKey), proof, source: '192.0.2.1' };
    const { id } = await devices.enrol(await operatorOf(first), request);
    return { id, key: privateKey, login: first };
  };
  const deviceIn = async (made: Login) => (await operators.rightsOf(await operatorOf(made))).device;
  return { ...accounts, administration, proofOf, login, operatorOf, enrol, deviceIn };
}

describe('a device', () => {
  it('is named in passes only once an administrator has approved it, also for the login that enrolled it', async () => {
    const { administration, enrol, login, deviceIn, audit } = await withDevices();
    const device = await enrol();
    const later = await login(device);
    expect([await deviceIn(device.login), await deviceIn(later)]).toEqual([undefined, undefined]);
    expect(await administration.approve(ROOT, device.id)).toMatchObject({
      state: 'approved',
      name: 'laptop',
    });
    expect([await deviceIn(device.login), await deviceIn(later)]).toEqual([device.id, device.id]);
    expect(audit.types()).toEqual(
      expect.arrayContaining(['device.enrolled', 'operator.signed_in', 'device.approved']),
    );
  });

  it('is not named for a login that did not prove it', async () => {
    const { administration, enrol, login, deviceIn } = await withDevices();
    const device = await enrol();
    await administration.approve(ROOT, device.id);
    expect(await deviceIn(await login())).toBeUndefined();
  });

  it('that is lost loses its logins and what they have open at once, and gets no new login', async () => {
    const { administration, enrol, login, operators, relays } = await withDevices();
    const device = await enrol();
    await administration.approve(ROOT, device.id);
    const later = await login(device);
    const stream = new PassThrough();
    relays.add({ username: 'alice', fingerprint: later.fingerprint, deviceId: device.id }, stream);
    expect(await administration.revoke(ROOT, device.id)).toEqual({ cut: 1 });
    expect(stream.destroyed).toBe(true);
    expect(await operators.standingOf(later.fingerprint)).toMatchObject({ why: 'device_revoked' });
    await expect(login(device)).rejects.toMatchObject({ code: 'device.revoked' });
    await expect(administration.approve(ROOT, device.id)).rejects.toMatchObject({
      code: 'device.not_pending',
    });
  });

  it('that is lost loses also what its login opened before it was enrolled', async () => {
    const { administration, enrol, relays } = await withDevices();
    const device = await enrol();
    const [before, other] = [new PassThrough(), new PassThrough()];
    relays.add({ username: 'alice', fingerprint: device.login.fingerprint }, before);
    relays.add({ username: 'alice', fingerprint: 'SHA256:other' }, other);
    expect(await administration.revoke(ROOT, device.id)).toEqual({ cut: 1 });
    expect([before.destroyed, other.destroyed]).toEqual([true, false]);
  });

  it('that is lost cannot keep its login by enrolling another device with it', async () => {
    const { administration, enrol, login, operatorOf, operators, devices, proofOf, relays } =
      await withDevices();
    const lost = await enrol();
    const stolen = await login(lost);
    const { privateKey, publicKey } = freshEd25519();
    const proof = await proofOf(privateKey, { cnf: stolen.fingerprint });
    const request = { name: 'thief', publicJwk: publicJwkOf(publicKey), proof, source: '203.0.113.9' };
    await devices.enrol(await operatorOf(stolen), request);
    await administration.revoke(ROOT, lost.id);
    expect(await operators.standingOf(stolen.fingerprint)).toMatchObject({ kind: 'ended' });
    expect(relays.count).toBe(0);
  });

  it('cannot be claimed without its key, for another login key, another proxy, or another operator', async () => {
    const { enrol, login, addUser, store, clock } = await withDevices();
    const device = await enrol();
    const stranger = freshEd25519().privateKey;
    await expect(login({ id: device.id, key: stranger })).rejects.toMatchObject(REFUSED);
    await expect(login(device, { cnf: 'SHA256:other' })).rejects.toMatchObject(REFUSED);
    await expect(login(device, { aud: 'p-other' })).rejects.toMatchObject(REFUSED);
    await expect(login({ id: 'd-nothing', key: device.key })).rejects.toMatchObject(REFUSED);
    await addUser('bob');
    const { publicKey, privateKey } = freshEd25519();
    const ofBob = { id: 'd-bob', username: 'bob', name: 'b', publicJwk: publicJwkOf(publicKey) };
    await store.devices.addDevice({ ...ofBob, enrolledAtMs: clock.nowMs() }, 1);
    await expect(login({ id: 'd-bob', key: privateKey })).rejects.toMatchObject(REFUSED);
  });

  it('must sign a challenge of this proxy, once, and within five minutes', async () => {
    const { enrol, login, devices, clock } = await withDevices();
    const device = await enrol();
    const jti = devices.challenge();
    await login(device, { jti });
    await expect(login(device, { jti })).rejects.toMatchObject(REFUSED);
    await expect(login(device, { jti: `${jti}x` })).rejects.toMatchObject(REFUSED);
    await expect(login(device, { jti: `${clock.nowMs() + 60_000}.made.up` })).rejects.toMatchObject(REFUSED);
    const old = devices.challenge();
    clock.advance(5 * 60_000);
    await expect(login(device, { jti: old })).rejects.toMatchObject(REFUSED);
  });

  it('is not enrolled with a proof of another login, nor more often than the limit', async () => {
    const { devices, login, operatorOf, proofOf, store, clock } = await withDevices();
    const made = await login();
    const operator = await operatorOf(made);
    const { privateKey, publicKey } = freshEd25519();
    const publicJwk = publicJwkOf(publicKey);
    const wrong = await proofOf(privateKey, { cnf: 'SHA256:other' });
    const request = { name: 'laptop', publicJwk, source: '192.0.2.1' };
    await expect(devices.enrol(operator, { ...request, proof: wrong })).rejects.toMatchObject(REFUSED);
    for (let number = 0; number < DEVICES_PER_OPERATOR_LIMIT; number++) {
      const device = {
        id: `d-${number}`,
        username: 'alice',
        name: 'x',
        publicJwk,
        enrolledAtMs: clock.nowMs(),
      };
      await store.devices.addDevice(device, DEVICES_PER_OPERATOR_LIMIT);
    }
    const right = await proofOf(privateKey, { cnf: made.fingerprint });
    await expect(devices.enrol(operator, { ...request, proof: right })).rejects.toMatchObject({
      code: 'device.too_many',
    });
  });
});

import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import {
  type AgentEnrolment,
  loadEnrolment,
  PinnedBastion,
  saveEnrolment,
} from '../../../agent/setup/enrolment-file.ts';
import { createNodeIdentity } from '../../../shared/identity/node-identity.ts';
import { silentLogger } from '../../../shared/log.ts';
import { generateSshKey, parsePublicLine } from '../../../shared/ssh/keys.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';

const keyLine = () => generateSshKey('').publicLine.trim();
const fingerprintOf = (line: string) => parsePublicLine(line).fingerprint;

let dataDir: string;
let path: string;
let enrolment: AgentEnrolment;
beforeEach(async () => {
  dataDir = temporaryDirectory();
  path = join(dataDir, 'enrolment.json');
  const { id, publicJwk } = await createNodeIdentity(temporaryDirectory(), 'bastion', 'acme');
  enrolment = {
    issuer: { id, name: 'acme', role: 'bastion', publicJwk },
    url: 'https://bastion.acme.example',
    sshClientKey: keyLine(),
  };
  await saveEnrolment(dataDir, enrolment);
});

describe('the enrolment of an agent', () => {
  it('is read as it was stored, and is for its owner alone', async () => {
    expect(await loadEnrolment(dataDir)).toEqual(enrolment);
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  it('that is not there says that the agent has to join', async () => {
    await expect(loadEnrolment(temporaryDirectory())).rejects.toMatchObject({
      code: 'enrolment.missing',
      hint: expect.stringContaining('drawbridge agent join'),
    });
  });

  it('that is damaged trusts nobody', async () => {
    const good = readFileSync(path, 'utf8');
    for (const text of [
      '',
      good.slice(0, -20),
      '{}',
      good.replace(enrolment.sshClientKey, 'nonsense'),
      good.replace('"Ed25519"', '"X25519"'),
    ]) {
      writeFileSync(path, text);
      await expect(loadEnrolment(dataDir)).rejects.toMatchObject({ code: 'enrolment.unreadable' });
    }
  });
});

describe('the bastion that an agent has pinned', () => {
  const pinned = () => new PinnedBastion(dataDir, enrolment, silentLogger());

  it('is who it was when the agent joined', () => {
    const bastion = pinned();
    expect(bastion.id).toBe(enrolment.issuer.id);
    expect(bastion.publicJwk).toEqual(enrolment.issuer.publicJwk);
    expect(bastion.clientKey).toBe(fingerprintOf(enrolment.sshClientKey));
  });

  it('follows to a new identity key, at once and after a restart, and keeps the SSH key', async () => {
    const { publicJwk: to } = await createNodeIdentity(temporaryDirectory(), 'bastion', 'acme');
    const bastion = pinned();
    await bastion.succeed(to);
    expect(bastion.publicJwk).toEqual(to);
    expect(await loadEnrolment(dataDir)).toEqual({
      ...enrolment,
      issuer: { ...enrolment.issuer, publicJwk: to },
    });
  });

  it('lets a new SSH key in and the old one no longer, at once and after a restart', async () => {
    const next = keyLine();
    const bastion = pinned();
    await bastion.pinClientKey(next);
    expect(bastion.clientKey).toBe(fingerprintOf(next));
    expect(await loadEnrolment(dataDir)).toEqual({ ...enrolment, sshClientKey: next });
  });

  it('keeps both changes when one comes after the other', async () => {
    const { publicJwk: to } = await createNodeIdentity(temporaryDirectory(), 'bastion', 'acme');
    const next = keyLine();
    const bastion = pinned();
    await bastion.succeed(to);
    await bastion.pinClientKey(next);
    const loaded = await loadEnrolment(dataDir);
    expect([loaded.issuer.publicJwk, loaded.sshClientKey]).toEqual([to, next]);
  });

  it('writes nothing when the key is the one that it has', async () => {
    rmSync(path);
    await pinned().pinClientKey(`${enrolment.sshClientKey} with a comment`);
    await expect(loadEnrolment(dataDir)).rejects.toMatchObject({ code: 'enrolment.missing' });
  });

  it('takes no key that can not be stored: after a restart another one would count', async () => {
    rmSync(path);
    mkdirSync(join(path, 'a folder in its place'), { recursive: true });
    const bastion = pinned();
    const { publicJwk: to } = await createNodeIdentity(temporaryDirectory(), 'bastion', 'acme');
    await expect(bastion.succeed(to)).rejects.toThrow();
    await expect(bastion.pinClientKey(keyLine())).rejects.toThrow();
    expect(bastion.publicJwk).toEqual(enrolment.issuer.publicJwk);
    expect(bastion.clientKey).toBe(fingerprintOf(enrolment.sshClientKey));
  });

  it('takes no line that is no key', async () => {
    const bastion = pinned();
    await expect(bastion.pinClientKey('nonsense')).rejects.toMatchObject({ code: 'ssh.invalid_key' });
    expect(await loadEnrolment(dataDir)).toEqual(enrolment);
  });
});

import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { readProxyEnrolment, writeProxyEnrolment } from '../../../bastion/setup/enrolment-file.ts';
import { PinnedProxy } from '../../../bastion/uplink/pinned-proxy.ts';
import { MemoryAudit } from '../../support/memory-audit.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';

const keyWith = (letter: string) => ({ kty: 'OKP', crv: 'Ed25519', x: letter.repeat(43) }) as const;

async function joined(onAppend: (path: string) => void = () => undefined) {
  const path = join(temporaryDirectory(), 'enrolment.json');
  const issuer = { id: 'p-1', name: 'example', role: 'proxy', publicJwk: keyWith('A') } as const;
  await writeProxyEnrolment(path, { issuer, url: 'https://proxy.test', fields: {} });
  const enrolment = await readProxyEnrolment(path);
  if (enrolment === undefined) throw new Error('nothing was written');
  const audit = new MemoryAudit();
  audit.onAppend = () => onAppend(path);
  return { path, audit, proxy: new PinnedProxy(enrolment, path, audit) };
}

it('follows a proxy to its new key, and keeps it', async () => {
  const { proxy, path, audit } = await joined();
  await proxy.succeed(keyWith('E'));
  expect((await readProxyEnrolment(path))?.issuer.publicJwk.x).toBe(keyWith('E').x);
  expect(audit.types()).toEqual(['proxy.key_rotated']);
});

it('writes no enrolment anew that the customer has taken away, before or while the proxy shows its key', async () => {
  const before = await joined();
  rmSync(before.path);
  await expect(before.proxy.succeed(keyWith('E'))).rejects.toMatchObject({ code: 'enrolment.missing' });
  expect(before.audit.types()).toEqual([]);
  const meanwhile = await joined((path) => rmSync(path));
  await expect(meanwhile.proxy.succeed(keyWith('E'))).rejects.toMatchObject({ code: 'enrolment.missing' });
  for (const { path, proxy } of [before, meanwhile]) {
    expect(existsSync(path)).toBe(false);
    expect(proxy.joined).toBe(false);
  }
});

import { rmSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { bastionPaths } from '../../../bastion/config.ts';
import { startBuiltinHost } from '../../support/builtin-host.ts';
import { startTestBastion, type TestBastion, type TestPass } from '../../support/running-bastion.ts';
import { jwkOfLine, SigningProvider } from '../../support/signing-provider.ts';
import { runSsh, type SshResult } from '../../support/ssh-client.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';
import { answerTo, trustIn } from '../../support/trusting-bastion.ts';
import { waitFor } from '../../support/wait-for.ts';

const LOGIN = userInfo().username;
const OTHER = 'https://login.other.example/realm';

const POLICY = `version: 1
roles:
  - name: support
    groups: [support]
    hosts: { names: [web-1] }
    logins: [${JSON.stringify(LOGIN)}]
    allow: [exec]
`;

async function bastionWith(
  options: NonNullable<Parameters<typeof startTestBastion>[0]> = {},
): Promise<TestBastion> {
  const bastion = await startTestBastion({
    policy: POLICY,
    hosts: async (clientKey) => {
      const host = await startBuiltinHost(clientKey);
      onTestFinished(() => host.close());
      return [{ name: 'web-1', address: { host: '127.0.0.1', port: host.port }, labels: {} }];
    },
    ...options,
    config: { log: { level: 'fatal', format: 'json' }, ...options.config },
  });
  await bastion.accessOn();
  return bastion;
}

/** A session that lasts until it is ended, or its input is; resolves when its command has been started. */
async function begin(bastion: TestBastion, pass: TestPass): Promise<{ ended: Promise<SshResult> }> {
  const started = async (): Promise<number> => (await bastion.audit('exec.started')).length;
  const before = await started();
  const args = await bastion.sshArgs('web-1', LOGIN, pass);
  const ended = runSsh([...args, 'exec sleep 120'], { timeoutMs: 110_000 });
  await waitFor(async () => (await started()) > before, { what: 'the command of a session' });
  return { ended };
}

async function live(bastion: TestBastion): Promise<readonly { readonly id: string }[]> {
  return (await bastion.call('sessions.list', { live: true })) as unknown as { id: string }[];
}

const answerOf = async (bastion: TestBastion, pass: TestPass) =>
  answerTo(bastion, await bastion.proxy.pass(pass));

describe('whoever vouches for operators, once the customer has removed them', { timeout: 120_000 }, () => {
  test('an identity provider that is gone from the file ends its sessions at the reload, and no others', async () => {
    const provider = new SigningProvider();
    const both = [trustIn(provider, provider.issuer), trustIn(provider, OTHER)];
    const bastion = await bastionWith({ config: { trust: 'idp', idp: both } });
    const alice = jwkOfLine(bastion.operatorKey.publicLine);
    const byFirst = async () => ({ idp: await provider.evidence(alice) });
    const byOther = async () => ({ idp: await provider.evidence(alice, { iss: OTHER }) });
    const [first, other] = [await begin(bastion, await byFirst()), await begin(bastion, await byOther())];

    // Nothing has changed: nobody is ended.
    expect(await bastion.role.reload(bastion.config)).toEqual({ taken: [], waiting: [] });
    const next = { ...bastion.config, idp: both.slice(1) };
    expect(await bastion.role.reload(next)).toEqual({ taken: ['idp'], waiting: [] });
    expect(await first.ended).toMatchObject({
      code: 255,
      stderr: expect.stringContaining('The customer no longer trusts the one who vouched for you.'),
    });
    await bastion.auditHas('session.ended', { code: 'pass.issuer_removed' });
    await bastion.auditHas('config.reloaded', { keys: ['idp'] });
    // The list follows the event that it has ended.
    await waitFor(async () => (await live(bastion)).length === 1, { what: 'one session to be left' });
    expect(await answerOf(bastion, await byFirst())).toBe('id_token.wrong_issuer');
    expect(await answerOf(bastion, await byOther())).toBe('in');

    // A file that trusts nobody is refused as it is at a start, and changes nothing.
    await expect(bastion.role.reload({ ...next, idp: [] })).rejects.toMatchObject({
      code: 'trust.no_provider',
    });
    expect(await live(bastion)).toHaveLength(1);

    // Back in the file, the first lets in again.
    await bastion.role.reload(bastion.config);
    expect(await answerOf(bastion, await byFirst())).toBe('in');

    // Nor does somebody who is gone wait for the keys of whoever came in their place.
    const cut = await begin(bastion, await byFirst());
    const unreadable = { file: join(temporaryDirectory(), 'none.json'), maxAge: 3_600_000 };
    const third = { ...trustIn(provider, 'https://login.third.example'), keys: unreadable };
    await expect(
      bastion.role.reload({ ...bastion.config, idp: [...both.slice(1), third] }),
    ).rejects.toMatchObject({ code: 'idp.keys_unreadable' });
    expect(await cut.ended).toMatchObject({ stderr: expect.stringContaining('no longer trusts') });
    expect(await answerOf(bastion, await byFirst())).toBe('id_token.wrong_issuer');
    expect(await answerOf(bastion, await byOther())).toBe('in');
    await bastion.role.reload(bastion.config);

    // Where the proxy's word counted alone, it no longer does.
    await bastion.role.reload({ ...bastion.config, trust: 'proxy' });
    const unvouched = await begin(bastion, {});
    expect(await bastion.role.reload(bastion.config)).toMatchObject({ taken: ['trust'] });
    expect(await unvouched.ended).toMatchObject({ stderr: expect.stringContaining('no longer trusts') });
    expect(await answerOf(bastion, {})).toBe('id_token.missing');

    // Who was vouched for by a provider that stays goes on all the while.
    await waitFor(async () => (await live(bastion)).length === 1, { what: 'one session to be left' });
    const [left] = await live(bastion);
    await bastion.call('sessions.end', { id: left?.id, message: 'Enough.' });
    expect((await other.ended).stderr).toContain('Enough.');
  });

  test('a proxy whose enrolment is gone loses its sessions and its tunnels, for good', async () => {
    const bastion = await bastionWith();
    const { ended } = await begin(bastion, {});
    rmSync(bastionPaths(bastion.config).enrolment);
    await bastion.role.reload(bastion.config);
    expect(await ended).toMatchObject({ code: 255, stderr: expect.stringContaining('no longer trusts') });
    await waitFor(() => bastion.proxy.tunnels.size === 0, { what: 'the tunnels to end' });
    await bastion.auditHas('session.ended', { code: 'pass.issuer_removed' });
    await bastion.call('access.set', { state: 'off' });
    await bastion.call('access.set', { state: 'on' });
    const { uplinks } = (await bastion.call('status')) as { uplinks: { state: string }[] };
    expect(uplinks.filter(({ state }) => state !== 'off')).toEqual([]);
  });
});

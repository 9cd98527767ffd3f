import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { Authenticators } from '../../../proxy/accounts/authenticators.ts';
import { FactorAdministration } from '../../../proxy/accounts/factor-administration.ts';
import { REGISTRATION_LINK_LIFETIME_MS } from '../../../proxy/accounts/registration-link.ts';
import { proxyAccounts } from '../../support/proxy-accounts.ts';
import { totpCode } from '../../support/totp.ts';

const ROOT = 'local:root';
const SOURCE = '192.0.2.1';

async function place() {
  const accounts = await proxyAccounts();
  const { store, relays, refusals, audit, clock } = accounts;
  const authenticators = new Authenticators({ proxyName: 'central', store, relays, refusals, audit, clock });
  const publicUrl = () => 'https://proxy.example.com';
  const factors = new FactorAdministration({ publicUrl, store, audit, clock });
  const link = async (purpose: 'authenticator' | 'security_key' = 'authenticator', username = 'alice') =>
    new URL((await factors.createLink(ROOT, username, purpose)).url);
  const request = accounts.request.bind(accounts);
  return { ...accounts, request, authenticators, factors, link };
}

const refused = { code: 'registration.refused' };

describe('an authenticator', () => {
  it('is set up by a link, once: then the one before, its recovery codes and what it opened are worth nothing', async () => {
    const { authenticators, link, logins, operators, relays, request, clock, audit } = await place();
    const login = await logins.login(request());
    const stream = new PassThrough();
    relays.add({ username: 'alice', fingerprint: login.fingerprint }, stream);
    clock.advance(30_000);
    const url = await link();
    expect(url.pathname).toBe('/authenticator');
    const secret = url.hash.slice(1);
    const offered = await authenticators.begin(secret, SOURCE);
    expect(offered.username).toBe('alice');
    expect(offered.totpUri).toContain(`secret=${offered.totpSecret}`);
    expect(await authenticators.begin(secret, SOURCE)).toEqual(offered);

    await expect(authenticators.finish(secret, '000000', SOURCE)).rejects.toMatchObject({
      code: 'authenticator.wrong_code',
    });
    expect((await operators.standingOf(login.fingerprint)).kind).toBe('login');

    const code = totpCode(offered.totpSecret, clock.nowMs());
    const { recoveryCodes } = await authenticators.finish(secret, code, SOURCE);
    expect(recoveryCodes).toHaveLength(10);
    expect((await operators.standingOf(login.fingerprint)).kind).toBe('ended');
    expect(stream.destroyed).toBe(true);
    await expect(logins.login(request({ code }))).rejects.toMatchObject({ code: 'login.refused' });
    await expect(logins.login(request())).rejects.toMatchObject({ code: 'login.refused' });
    clock.advance(30_000);
    await logins.login(request({ code: totpCode(offered.totpSecret, clock.nowMs()) }));
    await logins.login(request({ code: recoveryCodes[0] ?? '' }));
    await expect(authenticators.begin(secret, SOURCE)).rejects.toMatchObject(refused);
    await expect(authenticators.finish(secret, code, SOURCE)).rejects.toMatchObject(refused);
    const changes = audit.ofType('user.changed').map((event) => [event['change'], event.actor]);
    expect(changes).toEqual([
      ['authenticator_link_made', ROOT],
      ['authenticator_set_up', 'operator:alice'],
    ]);
    expect(JSON.stringify(audit.events)).not.toContain(offered.totpSecret);
  });

  it('is set up by one of two who have the same link', async () => {
    const { authenticators, link, clock } = await place();
    const secret = (await link()).hash.slice(1);
    const { totpSecret } = await authenticators.begin(secret, SOURCE);
    const finish = () => authenticators.finish(secret, totpCode(totpSecret, clock.nowMs()), SOURCE);
    const results = await Promise.allSettled([finish(), finish()]);
    expect(results.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
  });

  it('is not set up by a link for something else, one that is over, of somebody who is disabled, or made up', async () => {
    const { authenticators, factors, link, store, clock, audit } = await place();
    const forKey = await link('security_key');
    expect(forKey.pathname).toBe('/register');
    const begin = (url: URL) => authenticators.begin(url.hash.slice(1), SOURCE);
    await expect(begin(forKey)).rejects.toMatchObject(refused);
    await expect(authenticators.begin('made-up', SOURCE)).rejects.toMatchObject(refused);
    const old = await link();
    clock.advance(REGISTRATION_LINK_LIFETIME_MS);
    await expect(begin(old)).rejects.toMatchObject(refused);
    const kept = await link();
    await store.accounts.disableAccount('alice', clock.nowMs());
    await expect(begin(kept)).rejects.toMatchObject(refused);
    await expect(factors.createLink(ROOT, 'alice', 'authenticator')).rejects.toMatchObject({
      code: 'user.disabled',
    });
    await expect(factors.createLink(ROOT, 'nobody', 'authenticator')).rejects.toMatchObject({
      code: 'user.unknown',
    });
    expect(audit.ofType('operator.refused')).toHaveLength(4);
  });

  it('stays as it was when the audit log cannot be written', async () => {
    const { authenticators, link, logins, request, clock, audit } = await place();
    const secret = (await link()).hash.slice(1);
    const { totpSecret } = await authenticators.begin(secret, SOURCE);
    audit.failing = true;
    await expect(
      authenticators.finish(secret, totpCode(totpSecret, clock.nowMs()), SOURCE),
    ).rejects.toMatchObject({ code: 'audit.unavailable' });
    audit.failing = false;
    await logins.login(request());
  });
});

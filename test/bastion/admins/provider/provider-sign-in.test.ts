import { expect, test } from 'vitest';
import type { AdminProviderConfig } from '../../../../bastion/admins/provider/config.ts';
import { PENDING_LIFETIME_MS } from '../../../../bastion/admins/provider/pending-sign-ins.ts';
import type { ProviderAnswer, ProviderSignIn } from '../../../../bastion/admins/provider/provider-sign-in.ts';
import { systemClock } from '../../../../shared/clock.ts';
import { type AdminProvider, startAdminProvider } from '../../../support/admin-provider.ts';

const PAGE = 'https://bastion.acme.example';
const ADDRESS = '192.0.2.7';

/** What the browser brings back from the directory, and the secret in its cookie. */
async function comeBack({ directory }: AdminProvider, signIn: ProviderSignIn) {
  const { location, secret } = await signIn.begin(ADDRESS);
  const url = await directory.comeBack(location);
  expect(url.href.startsWith(`${PAGE}/api/login/provider/callback?`)).toBe(true);
  const answer: ProviderAnswer = Object.fromEntries(url.searchParams);
  return { answer, secret, location };
}

/** Who is let in with what the browser brought back. */
async function admitted(
  signIn: ProviderSignIn,
  answer: ProviderAnswer,
  secret: string | undefined,
  address = ADDRESS,
) {
  const outcome = await signIn.finish(answer, secret, address);
  return outcome.kind === 'admitted' ? outcome.admin : undefined;
}

async function signInAs(provider: AdminProvider, more: Partial<AdminProviderConfig> = {}) {
  const signIn = await provider.open(more);
  const { answer, secret } = await comeBack(provider, signIn);
  return admitted(signIn, answer, secret);
}

function lastReason({ events }: AdminProvider): unknown {
  const event = events.at(-1);
  expect(event).toMatchObject({ type: 'admin.refused', source: ADDRESS, by: 'provider' });
  return event?.['reason'];
}

test('whoever the directory vouches for gets the highest role of their groups, under a name of its own', async () => {
  const provider = await startAdminProvider(PAGE);
  provider.directory.person.claims = { preferred_username: 'Alice', groups: ['auditors', 'it', 'dba'] };
  const signIn = await provider.open();
  const { answer, secret, location } = await comeBack(provider, signIn);
  const asked = new URL(location).searchParams;
  expect(asked.get('code_challenge_method')).toBe('S256');
  expect(asked.get('code_challenge')).toMatch(/^[\w-]{43}$/);
  expect(location).not.toContain(secret);
  expect(signIn.standing).toEqual({ callback: `${PAGE}/api/login/provider/callback` });
  expect(await admitted(signIn, answer, secret, ADDRESS)).toEqual({
    username: 'corp/alice',
    role: 'admin',
    provided: true,
    lastsMs: 3_600_000,
  });
  expect(signIn.standing).toMatchObject({ lastSignIn: { username: 'corp/alice' } });
  expect(signIn.standing.lastFailure).toBeUndefined();
  expect(provider.events).toEqual([
    {
      type: 'admin.signed_in',
      actor: 'admin:corp/alice',
      source: ADDRESS,
      by: 'provider',
      role: 'admin',
      vouchedBy: { issuer: provider.directory.issuer, subject: 'subject-of-alice' },
    },
  ]);
});

test('a callback counts once, in the browser that began it, with its own state', async () => {
  const provider = await startAdminProvider(PAGE);
  const signIn = await provider.open();
  const first = await comeBack(provider, signIn);
  const second = await comeBack(provider, signIn);
  const refused = async (answer: ProviderAnswer, secret: string | undefined) => {
    expect(await admitted(signIn, answer, secret, ADDRESS)).toBeUndefined();
    return lastReason(provider);
  };
  expect(await refused(first.answer, undefined)).toBe('provider_wrong_state');
  expect(await refused(first.answer, 'made-up')).toBe('provider_wrong_state');
  expect(await admitted(signIn, first.answer, first.secret, ADDRESS)).toMatchObject({ role: 'approver' });
  expect(await refused(first.answer, first.secret)).toBe('provider_wrong_state');
  expect(await refused(first.answer, second.secret)).toBe('provider_wrong_state');
  // Any page can send a browser here with a state of its own: that spends nothing.
  expect(await admitted(signIn, second.answer, second.secret)).toMatchObject({ role: 'approver' });
});

test('a genuine ID token of an earlier sign-in, or of another client, is refused', async () => {
  const provider = await startAdminProvider(PAGE);
  await signInAs(provider, { clientId: 'shop' });
  await signInAs(provider);
  const [ofShop, earlier] = provider.directory.tokens.given;
  provider.directory.tokens.next = earlier ?? '';
  expect(await signInAs(provider)).toBeUndefined();
  expect(lastReason(provider)).toBe('provider_wrong_nonce');
  provider.directory.tokens.next = ofShop ?? '';
  expect(await signInAs(provider)).toBeUndefined();
  expect(lastReason(provider)).toBe('id_token.wrong_audience');
  provider.directory.tokens.next = `${earlier?.slice(0, -8)}AAAAAAAA`;
  expect(await signInAs(provider)).toBeUndefined();
  expect(lastReason(provider)).toBe('id_token.bad_signature');
});

test('an ID token that has expired is refused, and so is a sign-in that took too long', async () => {
  const provider = await startAdminProvider(PAGE);
  let aheadMs = 3_600_000;
  const clock = { ...systemClock, nowMs: () => Date.now() + aheadMs };
  const signIn = await provider.open({}, clock);
  const { answer, secret } = await comeBack(provider, signIn);
  expect(await admitted(signIn, answer, secret, ADDRESS)).toBeUndefined();
  expect(lastReason(provider)).toBe('id_token.expired');

  aheadMs = 0;
  let laterMs = 0;
  const slow = await provider.open({}, { ...systemClock, monotonicMs: () => performance.now() + laterMs });
  const late = await comeBack(provider, slow);
  laterMs = PENDING_LIFETIME_MS;
  expect(await slow.finish(late.answer, late.secret, ADDRESS)).toEqual({ kind: 'stray' });
  expect(lastReason(provider)).toBe('provider_wrong_state');
});

test('who is in no group that has a role, or lacks the method that is required, is refused by name', async () => {
  const provider = await startAdminProvider(PAGE);
  const { person } = provider.directory;
  person.claims = { preferred_username: 'bob', groups: ['sales'] };
  expect(await signInAs(provider)).toBeUndefined();
  expect(lastReason(provider)).toBe('provider_no_role');
  expect(provider.events.at(-1)?.actor).toBe('admin:corp/bob');
  person.claims = { preferred_username: 'bob' };
  expect(await signInAs(provider)).toBeUndefined();
  expect(lastReason(provider)).toBe('provider_no_role');
  person.claims = { preferred_username: 'bob', groups: ['it'] };
  expect(await signInAs(provider, { requireAmr: ['hwk', 'mfa'] })).toMatchObject({ username: 'corp/bob' });
  person.amr = ['pwd'];
  expect(await signInAs(provider, { requireAmr: ['hwk', 'mfa'] })).toBeUndefined();
  expect(lastReason(provider)).toBe('provider_method_missing');
  person.claims = { preferred_username: 'bob/../root', groups: ['it'] };
  expect(await signInAs(provider)).toBeUndefined();
  expect(lastReason(provider)).toBe('id_token.no_username');
});

test("a refusal, another directory's answer and somebody else's code let nobody in", async () => {
  const provider = await startAdminProvider(PAGE);
  const signIn = await provider.open();
  const { answer: stolen } = await comeBack(provider, signIn);
  for (const [more, reason] of [
    [{ error: 'access_denied', code: undefined }, 'provider_denied'],
    [{ iss: 'https://evil.example' }, 'provider_wrong_issuer'],
    [{ code: stolen.code }, 'idp.unexpected'],
  ] as const) {
    const { answer, secret } = await comeBack(provider, signIn);
    expect(await admitted(signIn, { ...answer, ...more }, secret, ADDRESS)).toBeUndefined();
    expect(lastReason(provider)).toBe(reason);
  }
});

test('a directory that is not the issuer, or a secret that others may read, is said in the log alone', async () => {
  const provider = await startAdminProvider(PAGE);
  const elsewhere = await provider.open({ issuer: `${provider.directory.issuer}/` });
  await expect(elsewhere.begin(ADDRESS)).rejects.toMatchObject({ code: 'login.provider_unavailable' });
  expect(elsewhere.standing.lastFailure?.reason).toBe('idp.bad_configuration');
  expect(await signInAs(provider, { clientSecretFile: '/nowhere' })).toBeUndefined();
  expect(lastReason(provider)).toBe('ship.no_secret');
});

test('an address that fails too often has to wait, and a flood is one event', async () => {
  const provider = await startAdminProvider(PAGE);
  const signIn = await provider.open();
  const fail = async () => {
    const { answer, secret } = await comeBack(provider, signIn);
    return signIn.finish({ state: answer.state, error: 'access_denied' }, secret, ADDRESS);
  };
  for (let attempt = 0; attempt < 40; attempt += 1) expect(await fail()).toEqual({ kind: 'refused' });
  const reasons = provider.events.map((event) => event['reason']);
  expect(reasons.filter((reason) => reason === 'too_many_attempts')).toHaveLength(1);
  expect(reasons.length).toBeLessThan(40);
  const { answer, secret } = await comeBack(provider, signIn);
  expect(await admitted(signIn, answer, secret)).toBeUndefined();
  const again = await comeBack(provider, signIn);
  expect(await admitted(signIn, again.answer, again.secret, '198.51.100.9')).toMatchObject({
    role: 'approver',
  });
});

test("another page's callbacks keep nobody out who is signing in, and are few events", async () => {
  const provider = await startAdminProvider(PAGE);
  const signIn = await provider.open();
  const { answer, secret } = await comeBack(provider, signIn);
  for (let attempt = 0; attempt < 60; attempt += 1) {
    const foreign = { code: 'c', state: `s${attempt}` };
    expect(await signIn.finish(foreign, attempt % 2 === 0 ? undefined : secret, ADDRESS)).toEqual({
      kind: 'stray',
    });
  }
  expect(provider.events.length).toBeLessThan(40);
  expect(signIn.standing.lastFailure).toBeUndefined();
  expect(await admitted(signIn, answer, secret)).toMatchObject({ role: 'approver' });
});

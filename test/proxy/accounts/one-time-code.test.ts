import { generateSync } from 'otplib';
import { describe, expect, it } from 'vitest';
import { createTotpSecret, spendCode, totpUriOf } from '../../../proxy/accounts/one-time-code.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { openTestStore, testAccount } from '../../support/proxy-store.ts';

async function accountWithSecret() {
  const store = await openTestStore();
  const { accounts } = store;
  const account = testAccount({ totpSecret: createTotpSecret() });
  await accounts.addAccount(account);
  const clock = new FakeClock();
  const codeAt = (offsetS: number): string =>
    generateSync({ secret: account.totpSecret, epoch: Math.floor(clock.nowMs() / 1000) + offsetS });
  return { store, account, clock, codeAt };
}

describe('a one-time code', () => {
  it('is right once', async () => {
    const { store, account, clock, codeAt } = await accountWithSecret();
    expect(await spendCode(store, account, codeAt(0), clock)).toBe('right');
    expect(await spendCode(store, account, codeAt(0), clock)).toBe('spent');
  });

  it('gets one in of several who come with it at the same time', async () => {
    const { store, account, clock, codeAt } = await accountWithSecret();
    const outcomes = await Promise.all(
      Array.from({ length: 8 }, () => spendCode(store, account, codeAt(0), clock)),
    );
    expect(outcomes.filter((outcome) => outcome === 'right').length).toBe(1);
    expect(outcomes.filter((outcome) => outcome === 'spent').length).toBe(7);
  });

  it('may be one step late, not two, and never early', async () => {
    const { store, account, clock, codeAt } = await accountWithSecret();
    expect(await spendCode(store, account, codeAt(-60), clock)).toBe('wrong');
    expect(await spendCode(store, account, codeAt(30), clock)).toBe('wrong');
    expect(await spendCode(store, account, codeAt(-30), clock)).toBe('right');
  });

  it('cannot be followed by the one before it', async () => {
    const { store, account, clock, codeAt } = await accountWithSecret();
    expect(await spendCode(store, account, codeAt(0), clock)).toBe('right');
    expect(await spendCode(store, account, codeAt(-30), clock)).toBe('spent');
  });

  it('may be typed in two groups', async () => {
    const { store, account, clock, codeAt } = await accountWithSecret();
    const code = codeAt(0);
    expect(await spendCode(store, account, ` ${code.slice(0, 3)} ${code.slice(3)} `, clock)).toBe('right');
  });

  it.each(['', '12345', '1234567', 'abcdef', '１２３４５６', '12 34\n', '-1'])(
    'is wrong, and no fault of ours, when it is %j',
    async (code) => {
      const { store, account, clock } = await accountWithSecret();
      expect(await spendCode(store, account, code, clock)).toBe('wrong');
    },
  );

  it('has an address that authenticator apps read', () => {
    const uri = totpUriOf('central', 'alice', 'JBSWY3DPEHPK3PXP');
    expect(uri).toMatch(/^otpauth:\/\/totp\/.*alice.*secret=JBSWY3DPEHPK3PXP/);
  });
});

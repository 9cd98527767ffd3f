import { describe, expect, it } from 'vitest';
import { OPERATOR_SIGN_IN_RATES as RATES } from '../../../proxy/accounts/sign-in-rates.ts';
import { SignInLimit } from '../../../shared/accounts/sign-in-limit.ts';
import { FakeClock } from '../../support/fake-clock.ts';

/** How many attempts in a row are let through. */
function attempts(limit: SignInLimit, username: string, address: string, upTo = 100): number {
  let passed = 0;
  while (passed < upTo && limit.begin(username, address).allowed) passed += 1;
  return passed;
}

function waitMs(limit: SignInLimit, username: string, address: string): number {
  const verdict = limit.begin(username, address);
  return verdict.allowed ? 0 : verdict.retryAfterMs;
}

describe('the limit of failed sign-ins', () => {
  it('tells the first refusal of a row from the others, also when addresses change', () => {
    const clock = new FakeClock();
    const limit = new SignInLimit(clock, RATES);
    attempts(limit, 'alice', '192.0.2.1');
    const firsts = Array.from({ length: 50 }, () => limit.begin('alice', '192.0.2.1'));
    expect(firsts.filter((verdict) => !verdict.allowed && verdict.first)).toEqual([]);
    for (let number = 0; number < 100; number++) limit.begin('bob', `198.51.100.${number}`);
    const others = Array.from({ length: 50 }, (_, number) => limit.begin('bob', `203.0.113.${number}`));
    expect(others.filter((verdict) => !verdict.allowed && verdict.first)).toEqual([]);
    clock.advance(RATES.pair.refillMs);
    expect(limit.begin('alice', '192.0.2.1')).toEqual({ allowed: true });
    expect(limit.begin('alice', '192.0.2.1')).toMatchObject({ allowed: false, first: true });
  });

  it('stops guessing at one account from one address after a few tries', () => {
    const limit = new SignInLimit(new FakeClock(), RATES);
    expect(attempts(limit, 'alice', '192.0.2.1')).toBe(5);
    expect(waitMs(limit, 'alice', '192.0.2.1')).toBeGreaterThan(0);
  });

  it('stops one address that goes through the accounts', () => {
    const limit = new SignInLimit(new FakeClock(), RATES);
    const tried = Array.from({ length: 100 }, (_, number) => limit.begin(`user${number}`, '192.0.2.1'));
    expect(tried.filter(({ allowed }) => allowed).length).toBe(20);
  });

  it('stops many addresses that go for one account', () => {
    const limit = new SignInLimit(new FakeClock(), RATES);
    const tried = Array.from({ length: 100 }, (_, number) => limit.begin('alice', `192.0.2.${number}`));
    expect(tried.filter(({ allowed }) => allowed).length).toBe(20);
  });

  it('cannot be used by strangers to lock out the owner, who comes from a known address', () => {
    const limit = new SignInLimit(new FakeClock(), RATES);
    expect(limit.begin('alice', '198.51.100.1')).toEqual({ allowed: true });
    limit.succeeded('alice', '198.51.100.1');
    for (let number = 0; number < 200; number++) limit.begin('alice', `192.0.2.${number}`);
    expect(limit.begin('alice', '198.51.100.1')).toEqual({ allowed: true });
  });

  it('lets everybody try again after a while', () => {
    const clock = new FakeClock();
    const limit = new SignInLimit(clock, RATES);
    for (let number = 0; number < 200; number++) limit.begin('alice', `192.0.2.${number % 4}`);
    const left = waitMs(limit, 'alice', '203.0.113.9');
    expect(left).toBeGreaterThan(0);
    clock.advance(left);
    expect(limit.begin('alice', '203.0.113.9')).toEqual({ allowed: true });
  });

  it('does not count sign-ins that succeed', () => {
    const limit = new SignInLimit(new FakeClock(), RATES);
    for (let round = 0; round < 100; round++) {
      expect(limit.begin('alice', '192.0.2.1')).toEqual({ allowed: true });
      limit.succeeded('alice', '192.0.2.1');
    }
  });
});

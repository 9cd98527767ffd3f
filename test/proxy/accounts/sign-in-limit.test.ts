import { describe, expect, it } from 'vitest';
import { SignInLimit } from '../../../proxy/accounts/sign-in-limit.ts';
import { FakeClock } from '../../support/fake-clock.ts';

/** How many attempts in a row are let through. */
function attempts(limit: SignInLimit, username: string, address: string, upTo = 100): number {
  let passed = 0;
  while (passed < upTo && limit.begin(username, address) === 0) passed += 1;
  return passed;
}

describe('the limit of failed sign-ins', () => {
  it('stops guessing at one account from one address after a few tries', () => {
    const limit = new SignInLimit(new FakeClock());
    expect(attempts(limit, 'alice', '192.0.2.1')).toBe(5);
    expect(limit.begin('alice', '192.0.2.1')).toBeGreaterThan(0);
  });

  it('stops one address that goes through the accounts', () => {
    const limit = new SignInLimit(new FakeClock());
    const tried = Array.from({ length: 100 }, (_, number) => limit.begin(`user${number}`, '192.0.2.1'));
    expect(tried.filter((waitMs) => waitMs === 0).length).toBe(20);
  });

  it('stops many addresses that go for one account', () => {
    const limit = new SignInLimit(new FakeClock());
    const tried = Array.from({ length: 100 }, (_, number) => limit.begin('alice', `192.0.2.${number}`));
    expect(tried.filter((waitMs) => waitMs === 0).length).toBe(20);
  });

  it('cannot be used by strangers to lock out the owner, who comes from a known address', () => {
    const limit = new SignInLimit(new FakeClock());
    expect(limit.begin('alice', '198.51.100.1')).toBe(0);
    limit.succeeded('alice', '198.51.100.1');
    for (let number = 0; number < 200; number++) limit.begin('alice', `192.0.2.${number}`);
    expect(limit.begin('alice', '198.51.100.1')).toBe(0);
  });

  it('lets everybody try again after a while', () => {
    const clock = new FakeClock();
    const limit = new SignInLimit(clock);
    for (let number = 0; number < 200; number++) limit.begin('alice', `192.0.2.${number % 4}`);
    const waitMs = limit.begin('alice', '203.0.113.9');
    expect(waitMs).toBeGreaterThan(0);
    clock.advance(waitMs);
    expect(limit.begin('alice', '203.0.113.9')).toBe(0);
  });

  it('does not count sign-ins that succeed', () => {
    const limit = new SignInLimit(new FakeClock());
    for (let round = 0; round < 100; round++) {
      expect(limit.begin('alice', '192.0.2.1')).toBe(0);
      limit.succeeded('alice', '192.0.2.1');
    }
  });
});

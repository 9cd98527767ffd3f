import { describe, expect, test } from 'vitest';
import { ADMIN_SIGN_IN_RATES as RATES } from '../../../bastion/admins/sign-in-rates.ts';
import { SignInLimit } from '../../../shared/accounts/sign-in-limit.ts';
import { FakeClock } from '../../support/fake-clock.ts';

const HOME = '192.0.2.1';

function allowed(limit: SignInLimit, username: string, addresses: readonly string[]): number {
  return addresses.filter((address) => limit.begin(username, address).allowed).length;
}

describe("the limit of administrators' failed sign-ins", () => {
  test('holds one address off that guesses at one account', () => {
    const limit = new SignInLimit(new FakeClock(), RATES);
    expect(allowed(limit, 'carol', Array<string>(50).fill(HOME))).toBe(10);
  });

  test('holds many addresses off together that guess at one account', () => {
    const limit = new SignInLimit(new FakeClock(), RATES);
    const addresses = Array.from({ length: 200 }, (_, number) => `198.51.100.${number}`);
    expect(allowed(limit, 'carol', addresses)).toBe(30);
  });

  test('counts all of an IPv6 network as one address', () => {
    const limit = new SignInLimit(new FakeClock(), RATES);
    const addresses = Array.from({ length: 50 }, (_, number) => `2001:db8::${number.toString(16)}`);
    expect(allowed(limit, 'carol', addresses)).toBe(10);
  });

  test('can not be used by strangers to lock an administrator out who comes from a known address', () => {
    const limit = new SignInLimit(new FakeClock(), RATES);
    expect(limit.begin('carol', HOME).allowed).toBe(true);
    limit.succeeded('carol', HOME);
    for (let number = 0; number < 1_000; number++) limit.begin('carol', `198.51.100.${number % 250}`);
    expect(limit.begin('carol', '203.0.113.9').allowed).toBe(false);
    expect(limit.begin('carol', HOME).allowed).toBe(true);
  });

  test('does not charge an account with what an address was refused', () => {
    const clock = new FakeClock();
    const limit = new SignInLimit(clock, RATES);
    for (let number = 0; number < 30; number++) limit.begin(`user-${number}`, HOME);
    expect(allowed(limit, 'carol', Array<string>(100).fill(HOME))).toBe(0);
    const addresses = Array.from({ length: 200 }, (_, number) => `198.51.100.${number}`);
    expect(allowed(limit, 'carol', addresses)).toBe(30);
  });
});

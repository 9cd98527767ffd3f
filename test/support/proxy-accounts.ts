import { generateSync } from 'otplib';
import { Devices } from '../../proxy/accounts/devices.ts';
import { Logins } from '../../proxy/accounts/logins.ts';
import { createTotpSecret } from '../../proxy/accounts/one-time-code.ts';
import { Operators } from '../../proxy/accounts/operators.ts';
import { Refusals } from '../../proxy/accounts/refusals.ts';
import { SignIn } from '../../proxy/accounts/sign-in.ts';
import { OPERATOR_SIGN_IN_RATES } from '../../proxy/accounts/sign-in-rates.ts';
import type { UserCertificates } from '../../proxy/certificates/user-certificates.ts';
import type { Store } from '../../proxy/store/store.ts';
import { Relays } from '../../proxy/tunnels/relays.ts';
import { PasswordHasher } from '../../shared/accounts/password-hasher.ts';
import { SignInLimit } from '../../shared/accounts/sign-in-limit.ts';
import type { Clock } from '../../shared/clock.ts';
import { generateSshKey } from '../../shared/ssh/keys.ts';
import { FakeClock } from './fake-clock.ts';
import { MemoryAudit } from './memory-audit.ts';
import { openTestStore, testAccount } from './proxy-store.ts';

/** The password of every account that {@link proxyAccounts} makes. */
export const TEST_PASSWORD = 'correct horse battery';

/** The proxy's accounts over a real store, with a clock to move and an audit log to look into. */
export async function proxyAccounts(options: { lifetimeMs?: number } = {}) {
  return accountsWith(new FakeClock(), options);
}

/** Like {@link proxyAccounts}, with another clock. */
export async function accountsWith<C extends Clock>(
  clock: C,
  options: { lifetimeMs?: number; certificates?: UserCertificates } = {},
) {
  const store: Store = await openTestStore();
  const audit = new MemoryAudit();
  const passwords = new PasswordHasher();
  const refusals = new Refusals(audit, clock);
  const { accounts, factors } = store;
  const relays = new Relays();
  const signIn = new SignIn({
    accounts,
    factors,
    passwords,
    limit: new SignInLimit(clock, OPERATOR_SIGN_IN_RATES),
    clock,
  });
  const devices = new Devices({ store, refusals, audit, audience: 'p-test', clock });
  const lifetimeMs = options.lifetimeMs ?? 8 * 3_600_000;
  const logins = new Logins({ store, signIn, devices, relays, refusals, audit, clock, lifetimeMs });
  const operators = new Operators(store, clock, lifetimeMs, options.certificates);
  const secrets = new Map<string, string>();
  const addUser = async (username: string): Promise<void> => {
    const totpSecret = createTotpSecret();
    secrets.set(username, totpSecret);
    const passwordHash = await passwords.hash(TEST_PASSWORD);
    await store.accounts.addAccount(testAccount({ username, passwordHash, totpSecret }));
  };
  await addUser('alice');
  return {
    store,
    clock,
    audit,
    refusals,
    signIn,
    relays,
    devices,
    logins,
    operators,
    addUser,
    /** The code that the user's authenticator shows now. */
    code: (username = 'alice'): string =>
      generateSync({ secret: secrets.get(username) ?? '', epoch: Math.floor(clock.nowMs() / 1000) }),
    /** What `drawbridge login` sends, all of it right unless said otherwise. */
    request(fields: Partial<Parameters<Logins['login']>[0]> = {}): Parameters<Logins['login']>[0] {
      return {
        username: 'alice',
        password: TEST_PASSWORD,
        code: this.code(),
        publicKey: generateSshKey('login').publicLine,
        source: '192.0.2.1',
        ...fields,
      };
    },
  };
}

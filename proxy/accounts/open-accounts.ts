import { PasswordHasher } from '../../shared/accounts/password-hasher.ts';
import { SignInLimit } from '../../shared/accounts/sign-in-limit.ts';
import type { AuditSink } from '../../shared/audit/event.ts';
import type { Clock } from '../../shared/clock.ts';
import type { Logger } from '../../shared/log.ts';
import { UserCertificates } from '../certificates/user-certificates.ts';
import type { ProxyConfig } from '../config.ts';
import { openProviders } from '../providers/open-providers.ts';
import type { ProviderLogins } from '../providers/provider-logins.ts';
import type { Store } from '../store/store.ts';
import type { Relays } from '../tunnels/relays.ts';
import { Devices } from './devices.ts';
import { Logins } from './logins.ts';
import { OperatorTokens } from './operator-tokens.ts';
import { Operators } from './operators.ts';
import type { Refusals } from './refusals.ts';
import { SignIn } from './sign-in.ts';
import { OPERATOR_SIGN_IN_RATES } from './sign-in-rates.ts';

/** Who operators are, and the ways in which they show it. */
export interface Accounts {
  readonly passwords: PasswordHasher;
  /** How often somebody may try; the same count for every way in. */
  readonly limit: SignInLimit;
  readonly signIn: SignIn;
  readonly operators: Operators;
  readonly devices: Devices;
  readonly logins: Logins;
  readonly tokens: OperatorTokens;
  readonly providers: ProviderLogins;
}

/** Puts it together. @throws what {@link UserCertificates.open} and {@link openProviders} throw */
export async function openAccounts(parts: {
  readonly config: ProxyConfig;
  readonly store: Store;
  /** Cut with the login that they belong to. */
  readonly relays: Relays;
  readonly refusals: Refusals;
  readonly audit: AuditSink;
  /** This proxy's id: what operators and devices sign for. */
  readonly audience: string;
  readonly clock: Clock;
  readonly log: Logger;
}): Promise<Accounts> {
  const { config, store, relays, refusals, audit, audience, clock, log } = parts;
  const { accounts, factors } = store;
  const lifetimeMs = config.logins.lifetime;
  const passwords = new PasswordHasher();
  const certificates =
    config.userCertificates && (await UserCertificates.open(config.userCertificates, { clock, log }));
  const operators = new Operators(store, clock, lifetimeMs, certificates);
  const limit = new SignInLimit(clock, OPERATOR_SIGN_IN_RATES);
  const signIn = new SignIn({ accounts, factors, passwords, limit, clock });
  const devices = new Devices({ store, refusals, audit, audience, clock });
  const logins = new Logins({ store, signIn, devices, relays, refusals, audit, clock, lifetimeMs });
  const providers = await openProviders({
    ...{
      providers: config.providers,
      egress: config.egress,
      store,
      logins,
      passwords,
      refusals,
      audit,
      clock,
      log,
    },
  });
  const tokens = new OperatorTokens({ operators, refusals, audience, clock });
  return { passwords, limit, signIn, operators, devices, logins, tokens, providers };
}

import type { Clock } from '../../../shared/clock.ts';
import { createEgress, type EgressConfig } from '../../../shared/egress/egress.ts';
import type { Logger } from '../../../shared/log.ts';
import type { AdminAccounts } from '../admin-accounts.ts';
import type { AdminProviderConfig } from './config.ts';
import { ProviderSignIn } from './provider-sign-in.ts';

/**
 * Sign-in by the directory, when one is configured. Sessions of before end: with another directory or other groups in the
 * configuration, what they may do would be what nobody allows any more. @throws `egress.*`
 */
export async function openProviderSignIn(
  config: {
    readonly publicUrl: string;
    readonly egress: EgressConfig;
    readonly admins: { readonly provider?: AdminProviderConfig };
  },
  parts: {
    readonly admins: AdminAccounts;
    readonly clock: Clock;
    readonly log: Logger;
  },
): Promise<ProviderSignIn | undefined> {
  const { admins, clock, log } = parts;
  await admins.sessions.endProvided();
  const { provider } = config.admins;
  if (provider === undefined) return undefined;
  const { publicUrl } = config;
  const egress = createEgress(config.egress);
  return ProviderSignIn.open({
    config: provider,
    publicUrl,
    egress,
    late: admins.late,
    clock,
    log,
  });
}

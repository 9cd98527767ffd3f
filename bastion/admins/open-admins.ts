import type { AuditSink } from '../../shared/audit/event.ts';
import type { Clock } from '../../shared/clock.ts';
import { createEgress, type EgressConfig } from '../../shared/egress/egress.ts';
import type { Logger } from '../../shared/log.ts';
import type { Database } from '../../shared/store/database.ts';
import { AdminAccounts } from './admin-accounts.ts';
import type { AdminProviderConfig } from './provider/config.ts';
import { ProviderSignIn } from './provider/provider-sign-in.ts';

/**
 * The administrators, and the sign-in by their directory when one is configured. Sessions by a directory from before end:
 * with another directory or other groups in the configuration, what they may do would be what nobody allows any more.
 * @throws `egress.*`
 */
export async function openAdmins(
  config: {
    readonly publicUrl: string;
    readonly egress: EgressConfig;
    readonly admins: { readonly provider?: AdminProviderConfig };
  },
  parts: {
    readonly database: Database;
    readonly audit: AuditSink;
    readonly clock: Clock;
    readonly bastionName: string;
    readonly log: Logger;
  },
): Promise<{ readonly admins: AdminAccounts; readonly provider?: ProviderSignIn }> {
  const { publicUrl } = config;
  const admins = new AdminAccounts({ ...parts, publicUrl: () => publicUrl });
  await admins.sessions.endProvided();
  const { provider } = config.admins;
  if (provider === undefined) return { admins };
  const { clock, log } = parts;
  const egress = createEgress(config.egress);
  const { late } = admins;
  return {
    admins,
    provider: await ProviderSignIn.open({ config: provider, publicUrl, egress, late, clock, log }),
  };
}

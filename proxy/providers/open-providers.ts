import { createEgress, type EgressConfig } from '../../shared/egress/egress.ts';
import { FetchedKeys } from '../../shared/identity/provider/fetched-keys.ts';
import type { Logger } from '../../shared/log.ts';
import type { ProviderConfig } from './config.ts';
import { ProviderLogins, type ProviderLoginsParts } from './provider-logins.ts';

/** Keys that could not be renewed for so long count no more. */
const KEYS_MAX_AGE_MS = 24 * 60 * 60 * 1000;

/** The sign-in by identity providers, whose keys are fetched when they are first needed. @throws `egress.*` */
export async function openProviders(
  parts: Omit<ProviderLoginsParts, 'providers'> & {
    readonly providers: readonly ProviderConfig[];
    readonly egress: EgressConfig;
    readonly log: Logger;
  },
): Promise<ProviderLogins> {
  const { clock, log } = parts;
  const egress = createEgress(parts.egress);
  const providers = await Promise.all(
    parts.providers.map(async (provider) => ({
      ...provider,
      keys: await FetchedKeys.open({
        issuer: provider.issuer,
        egress,
        maxAgeMs: KEYS_MAX_AGE_MS,
        clock,
        log,
      }),
    })),
  );
  return new ProviderLogins({ ...parts, providers });
}

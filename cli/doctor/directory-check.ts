import { askProvider } from '../../bastion/admins/provider/provider-metadata.ts';
import { callbackOf } from '../../bastion/admins/provider/provider-sign-in.ts';
import type { BastionConfig } from '../../bastion/config.ts';
import { readSecret } from '../../shared/egress/credentials.ts';
import type { Egress } from '../../shared/egress/egress.ts';
import { type Check, check } from './finding.ts';
import { clockFinding } from './network-checks.ts';

/** Whether administrators can sign in by their directory: it answers, is the one that was meant, and its clock agrees. */
export function directory(
  provider: NonNullable<BastionConfig['admins']['provider']>,
  publicUrl: string,
  egress: Egress,
): Check {
  return check('directory', async (signal) => {
    await readSecret(provider.clientSecretFile);
    const { metadata, dateMs } = await askProvider(egress, provider.issuer, signal);
    return [
      {
        state: 'ok',
        text: `${provider.issuer} answers, and sends administrators to ${new URL(metadata.authorization_endpoint).host}.`,
      },
      {
        state: 'ok',
        text: `It has to know ${callbackOf(provider, publicUrl)} as the redirect address of ${provider.clientId}; that it does shows at a sign-in.`,
      },
      ...(dateMs === undefined ? [] : [clockFinding((dateMs - Date.now()) / 1000)]),
    ];
  });
}

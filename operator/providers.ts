import { z } from 'zod';
import type { Egress } from '../shared/egress/egress.ts';
import { DrawbridgeError } from '../shared/errors.ts';
import { issuerUrl } from '../shared/identity/provider/issuer.ts';
import { loopbackRedirectUri } from '../shared/identity/provider/redirect-uri.ts';
import { requestProxy } from './proxy-api.ts';

const plain = z
  .string()
  .min(1)
  .max(128)
  .regex(/^[^\p{Cc}\p{Cf}]*$/u);

const answerSchema = z.object({
  providers: z
    .array(
      z.object({
        name: plain,
        title: plain,
        issuer: issuerUrl,
        clientId: z.string().min(1).max(256),
        scopes: z.array(z.string().min(1).max(128)).max(32),
        maxAgeS: z.int().nonnegative(),
        deviceCode: z.boolean(),
        redirectUri: loopbackRedirectUri,
      }),
    )
    .max(100),
});

/** An identity provider that the proxy takes sign-ins of. */
export type OfferedProvider = z.infer<typeof answerSchema>['providers'][number];

/** The identity providers that one can sign in with at this proxy. @throws `egress.*`, `proxy.unexpected` */
export async function listProviders(egress: Egress, proxyUrl: string): Promise<readonly OfferedProvider[]> {
  const body = await requestProxy(egress, proxyUrl, '/api/providers', { method: 'GET' });
  const answer = answerSchema.safeParse(body);
  if (answer.success) return answer.data.providers;
  throw new DrawbridgeError('proxy.unexpected', 'The proxy listed identity providers in an unknown form.', {
    hint: 'Use the command of the same version as the proxy.',
    cause: answer.error,
  });
}

/** The one of this name; without a name, the only one. @throws `login.provider_unknown` */
export function chooseProvider(
  providers: readonly OfferedProvider[],
  name: string | undefined,
): OfferedProvider {
  const [only, ...others] = providers;
  const chosen =
    name === undefined && others.length === 0 ? only : providers.find((provider) => provider.name === name);
  if (chosen !== undefined) return chosen;
  const names = providers.map((provider) => provider.name).join(', ');
  throw new DrawbridgeError(
    'login.provider_unknown',
    name === undefined
      ? 'Say which identity provider.'
      : `The proxy has no identity provider ${JSON.stringify(name)}.`,
    { hint: names === '' ? 'It has none at all: sign in with a password.' : `It has: ${names}.` },
  );
}

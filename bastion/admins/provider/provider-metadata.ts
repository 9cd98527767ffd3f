import { z } from 'zod';
import type { Egress } from '../../../shared/egress/egress.ts';
import { fetchJson } from '../../../shared/egress/fetch-json.ts';
import { DrawbridgeError } from '../../../shared/errors.ts';
import { configurationUrl } from '../../../shared/identity/provider/fetched-keys.ts';

const TIMEOUT_MS = 10_000;
const ANSWER_LIMIT_BYTES = 512 * 1024;

const httpsAddress = z
  .string()
  .max(2048)
  .refine((text) => URL.canParse(text) && new URL(text).protocol === 'https:');
const metadataSchema = z.object({
  issuer: z.string(),
  authorization_endpoint: httpsAddress,
  token_endpoint: httpsAddress,
  token_endpoint_auth_methods_supported: z.array(z.string()).default(['client_secret_basic']),
});

/** What a provider says of itself, as far as a sign-in needs it. */
export type ProviderMetadata = z.infer<typeof metadataSchema>;

/**
 * Asks a provider what it says of itself (OpenID Connect Discovery 1.0). `dateMs` is its clock, when it tells.
 * @throws `egress.*`, `idp.unexpected`, `idp.bad_configuration` when it is another issuer or lacks an address
 */
export async function askProvider(
  egress: Egress,
  issuer: string,
  signal?: AbortSignal,
): Promise<{ readonly metadata: ProviderMetadata; readonly dateMs: number | undefined }> {
  const url = configurationUrl(issuer);
  const limits = { timeoutMs: TIMEOUT_MS, limitBytes: ANSWER_LIMIT_BYTES };
  const { status, body, dateMs } = await fetchJson(egress, url, {
    ...limits,
    ...(signal === undefined ? {} : { signal }),
  });
  if (status !== 200) {
    throw new DrawbridgeError('idp.unexpected', `${url.host} answered with HTTP status ${status}.`);
  }
  const metadata = metadataSchema.safeParse(body);
  if (metadata.success && metadata.data.issuer === issuer) return { metadata: metadata.data, dateMs };
  throw new DrawbridgeError(
    'idp.bad_configuration',
    `${issuer} does not describe itself as this issuer with the addresses that a sign-in needs.`,
    { hint: "Write the issuer exactly as in the provider's openid-configuration." },
  );
}

import { z } from 'zod';

/** An issuer as its ID tokens write it: an https address without query and fragment (OpenID Connect Discovery 1.0). */
export const issuerUrl = z
  .string()
  .max(1024)
  .refine((text) => {
    const url = URL.canParse(text) ? new URL(text) : undefined;
    return url?.protocol === 'https:' && url.search === '' && url.hash === '' && url.username === '';
  }, "must be the provider's issuer exactly as it writes it, such as https://login.example.com/tenant");

import type { AcmeChoice } from '../shared/acme/template.ts';

/** Help of `--acme`, the same at every `init`. */
export const ACME_HELP =
  "get and renew the certificate by ACME from Let's Encrypt, and agree to its terms; port 80 of the public host must lead here";

/** Help of `--acme-directory`. */
export const ACME_DIRECTORY_HELP = "directory of another ACME server than Let's Encrypt's, for --acme";

/** What was chosen, for an `init`. */
export function acmeChoice(email: string, directory: string | undefined): AcmeChoice {
  return { email, ...(directory === undefined ? {} : { directory }) };
}

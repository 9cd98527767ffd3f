import { isIP } from 'node:net';
import { z } from 'zod';

/** Let's Encrypt's own. */
export const LETS_ENCRYPT = 'https://acme-v02.api.letsencrypt.org/directory';
const HTTP_PORT = 80;
const NAMES_MAX = 20;

const dnsName = z
  .string()
  .regex(
    /^(?=.{1,253}$)([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z][A-Za-z0-9-]*$/,
    'must be a DNS name with a dot in it, without *',
  )
  .refine((name) => isIP(name) === 0);

/** `tls.acme:` — a certificate that is got and renewed by ACME (RFC 8555), from Let's Encrypt unless told otherwise. */
export const acmeSection = z
  .strictObject({
    agreeToTerms: z
      .literal(true, "must be true: you agree to the terms of service of the ACME server's operator")
      .describe(
        "You agree to the terms of service of the ACME server's operator. Nothing is asked for without it.",
      ),
    directory: z
      .url({ protocol: /^https$/, error: 'must be the https address of an ACME directory' })
      .default(LETS_ENCRYPT)
      .describe("The ACME server; Let's Encrypt unless told otherwise."),
    email: z
      .email('must be an e-mail address')
      .exactOptional()
      .describe('Where the operator of the ACME server may write to.'),
    names: z
      .array(dnsName)
      .min(1)
      .max(NAMES_MAX)
      .exactOptional()
      .describe('DNS names of the certificate; that of `publicUrl` unless given.'),
    host: z
      .string()
      .min(1)
      .default('0.0.0.0')
      .describe('Address on which HTTP-01 challenges are answered, while one runs.'),
    port: z
      .int('must be a port number, 1 to 65535')
      .min(1)
      .max(65_535)
      .default(HTTP_PORT)
      .describe('Its port. The ACME server always comes to port 80; another is for those who lead 80 to it.'),
  })
  .describe(
    'A certificate that is got and renewed by ACME (HTTP-01). Not given: `certificate` and `key` are served.',
  );

/** What `tls.acme` says. */
export type AcmeSettings = z.infer<typeof acmeSection>;

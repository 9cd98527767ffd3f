import { acmeSection, LETS_ENCRYPT } from './config.ts';

/** What an `init` is told about ACME. */
export interface AcmeChoice {
  /** Where the operator of the ACME server may write to. */
  readonly email: string;
  /** Let's Encrypt's directory unless given. */
  readonly directory?: string;
}

/** The `tls:` section of a new config file, with its comments. */
export function tlsYaml(acme: AcmeChoice | undefined): string {
  const directory = acme?.directory ?? LETS_ENCRYPT;
  const lines = [
    ['acme:', ''],
    ['  agreeToTerms: true', "the terms of service of the ACME server's operator"],
    [`  directory: ${directory}`, ''],
    [`  email: ${acme === undefined ? 'ops@example.com' : JSON.stringify(acme.email)}`, ''],
    ['  port: 80', 'open only while a name is being proven'],
  ].map(([key, why]) => `${acme === undefined ? '  # ' : '  '}${key}${why === '' ? '' : `   # ${why}`}`);
  const fallback =
    acme === undefined
      ? `# A certificate of a private CA, which the role renews itself. To use your own: name a PEM file with the full chain
# and its key without a password, and remove 'ca' if the certificate is from a public CA. Files that change are taken
# over while the role runs.`
      : `# A certificate by ACME, got and renewed by the role itself. The files named here, from a private CA, are served
# until the first one is there.`;
  const more =
    acme === undefined ? "  # A certificate by ACME (Let's Encrypt), for the name in publicUrl:\n" : '';
  return `${fallback}
tls:
  certificate: data/tls/cert.pem
  key: data/tls/key.pem
  ca: data/tls/ca.pem
${more}${lines.join('\n')}
`;
}

/** Checks the choice before anything is written. @throws what the section's schema says, as a sentence */
export function acmeFault(acme: AcmeChoice): string | undefined {
  const parsed = acmeSection.safeParse({ agreeToTerms: true, ...acme });
  return parsed.error?.issues[0]?.message;
}

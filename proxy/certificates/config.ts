import { z } from 'zod';
import type { Resolved } from '../../shared/config/config-path.ts';
import { filePath } from '../../shared/config/fields.ts';

/** `userCertificates:` — OpenSSH user certificates of the vendor's own CA at the SSH port. */
export const userCertificatesSection = z
  .strictObject({
    ca: filePath.describe('Public keys of the CAs, one per line.'),
    revoked: filePath.describe(
      'What is taken back: a KRL of `ssh-keygen -k`, or `serial:N`, `id:KEY ID`, a public key or a fingerprint per line. It may be empty, not missing.',
    ),
    oneTimeCode: z
      .enum(['required', 'not_required'])
      .default('required')
      .describe('Whether a one-time code has to follow the certificate.'),
  })
  .describe('OpenSSH user certificates at the SSH port. Without this section none is accepted.');

/** What `userCertificates` in `proxy.yaml` says. */
export type UserCertificatesConfig = Resolved<z.infer<typeof userCertificatesSection>>;

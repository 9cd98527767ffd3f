import { z } from 'zod';
import type { Resolved } from '../../shared/config/config-path.ts';
import { filePath } from '../../shared/config/fields.ts';

/** `userCertificates:` — OpenSSH user certificates of the vendor's own CA at the SSH port. */
export const userCertificatesSection = z.strictObject({
  /** Public keys of the CAs, one per line. */
  ca: filePath,
  /** What is taken back: `serial:N`, `id:KEY ID`, a public key or a fingerprint per line. May be empty, not missing. */
  revoked: filePath,
  /** Whether a one-time code has to follow. */
  oneTimeCode: z.enum(['required', 'not_required']).default('required'),
});

/** What `userCertificates` in `proxy.yaml` says. */
export type UserCertificatesConfig = Resolved<z.infer<typeof userCertificatesSection>>;

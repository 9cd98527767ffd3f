import { z } from 'zod';

/** Where a provider may send the browser back to: this machine alone (RFC 8252, section 7.3), with or without a port. */
export const loopbackRedirectUri = z
  .string()
  .max(200)
  .regex(
    /^http:\/\/(127\.0\.0\.1|localhost)(:[1-9][0-9]{0,4})?(\/[A-Za-z0-9._~/-]*)?$/,
    'must be an address of this machine, such as http://127.0.0.1/callback',
  );

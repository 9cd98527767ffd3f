import { z } from 'zod';
import { filePath } from './fields.ts';

/** An https address of somebody else's that is posted to. */
export const httpsDestination = z
  .string()
  .refine((text) => URL.canParse(text) && new URL(text).protocol === 'https:', 'must be an https:// address')
  .refine(
    (text) => !URL.canParse(text) || new URL(text).username === '',
    'must not hold a user name; use username and passwordFile',
  )
  .meta({ title: 'https address' })
  .describe('Where to post to.');

/** How the destination knows us; secrets come from files alone. */
export const destinationCredentials = {
  platformId: z
    .string()
    .min(1)
    .max(256)
    .regex(/^[\x21-\x7e]+$/, 'must be printable ASCII without spaces')
    .exactOptional()
    .describe('By this the destination knows the installation; sent as `X-Platform-Id`.'),
  username: z.string().min(1).max(256).exactOptional().describe('For HTTP basic authentication.'),
  passwordFile: filePath.exactOptional().describe('File (0600) with the password for it.'),
  tokenFile: filePath
    .exactOptional()
    .describe('File (0600) with a bearer token, instead of name and password.'),
};

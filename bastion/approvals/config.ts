import { z } from 'zod';

const LOOPBACK = /^(localhost|127\.0\.0\.1|\[::1\])$/;

/** Plain HTTP would show who asks for what; on this machine itself nobody looks on. */
const webhookUrl = z
  .string()
  .max(2000)
  .refine((text) => {
    if (!URL.canParse(text)) return false;
    const { protocol, hostname } = new URL(text);
    return protocol === 'https:' || (protocol === 'http:' && LOOPBACK.test(hostname));
  }, 'must be an https address (http only on this machine itself)');

const name = z.string().min(1).max(200);

/** `approvals:` of `bastion.yaml`. */
export const approvalsSection = z
  .strictObject({
    /** Administrators who are operators too, under other names: they can't approve what those ask for. */
    sameAs: z.record(name, z.array(name).max(100)).default({}),
    /** Where to send what is asked for and what became of it, signed with the secret (HMAC-SHA256). */
    webhook: z
      .strictObject({
        url: webhookUrl,
        secret: z.string().min(16, 'must have 16 characters or more').max(1000),
      })
      .exactOptional(),
  })
  .prefault({});

export type ApprovalsConfig = z.infer<typeof approvalsSection>;

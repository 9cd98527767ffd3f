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
    sameAs: z
      .record(name, z.array(name).max(100))
      .default({})
      .meta({ title: 'administrators with lists of operators' })
      .describe(
        "Administrators who are operators too, under other names: they can't approve what those ask for.",
      ),
    webhook: z
      .strictObject({
        url: webhookUrl.describe('An https address; http only on this machine itself.'),
        secret: z
          .string()
          .min(16, 'must have 16 characters or more')
          .max(1000)
          .describe('What the messages are signed with (HMAC-SHA256); 16 characters or more.'),
      })
      .exactOptional()
      .describe('Where to send what is asked for and what became of it.'),
  })
  .prefault({})
  .describe('What roles with `approval` ask for.');

export type ApprovalsConfig = z.infer<typeof approvalsSection>;

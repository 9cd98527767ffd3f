import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { DrawbridgeError, messageOf, systemCodeOf } from '../../shared/errors.ts';
import type { PinnedIssuer } from '../../shared/identity/issuer-document.ts';
import { parsePublicJwk } from '../../shared/identity/keys.ts';
import { writeWholeFile } from '../../shared/store/whole-file.ts';

/** What a bastion keeps of its joining: whom it has joined, where that is, and what it was told. */
export interface ProxyEnrolment {
  readonly issuer: PinnedIssuer;
  /** `https://…` */
  readonly url: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

const fileSchema = z.object({
  issuer: z.object({
    id: z.string().min(1),
    name: z.string().min(1),
    role: z.literal('proxy'),
    publicJwk: z.unknown(),
    ca: z.string().optional(),
  }),
  url: z.string().refine((url) => URL.canParse(url)),
  fields: z.record(z.string(), z.unknown()).default({}),
});

/**
 * Reads `enrolment.json`. Undefined when this bastion has joined no proxy.
 * @throws `enrolment.unreadable`.
 */
export async function readProxyEnrolment(path: string): Promise<ProxyEnrolment | undefined> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (systemCodeOf(error) === 'ENOENT') return undefined;
    throw unreadable(path, error);
  }
  try {
    const { issuer, url, fields } = fileSchema.parse(JSON.parse(text));
    const { ca, publicJwk, ...rest } = issuer;
    const pinned = { ...rest, publicJwk: parsePublicJwk(publicJwk), ...(ca === undefined ? {} : { ca }) };
    return { issuer: pinned, url, fields };
  } catch (error) {
    throw unreadable(path, error);
  }
}

/** Stores it, whole or not at all. */
export function writeProxyEnrolment(path: string, enrolment: ProxyEnrolment): Promise<void> {
  return writeWholeFile(path, `${JSON.stringify(enrolment, null, 2)}\n`);
}

function unreadable(path: string, error: unknown): DrawbridgeError {
  return new DrawbridgeError('enrolment.unreadable', `${path} can not be read: ${messageOf(error)}`, {
    hint: 'Restore it, or remove it and join the proxy again with a new token.',
    cause: error,
  });
}

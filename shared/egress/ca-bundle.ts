import { X509Certificate } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { DrawbridgeError, messageOf } from '../errors.ts';

/** Larger than the bundle of any operating system. */
const MAX_BUNDLE_BYTES = 8 * 1024 * 1024;

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g;

/**
 * The certificates in a PEM text. Whatever stands between them (comment lines, names) is left out.
 * @param source what the text is, for messages
 * @throws `egress.bad_ca` when there is none, or one cannot be read.
 */
export function parseCaBundle(text: string, source: string): string[] {
  const certificates = text.match(CERTIFICATE) ?? [];
  if (certificates.length === 0) throw badCa(`${source} holds no certificate in PEM form.`);
  for (const [index, pem] of certificates.entries()) {
    try {
      new X509Certificate(pem);
    } catch (cause) {
      throw badCa(`Certificate ${index + 1} in ${source} cannot be read.`, cause);
    }
  }
  return certificates;
}

/**
 * Reads a bundle file.
 * @throws `egress.bad_ca`
 */
export function readCaBundle(path: string): string[] {
  let text: string;
  try {
    if (statSync(path).size > MAX_BUNDLE_BYTES) throw new Error('it is larger than 8 MiB');
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    throw badCa(`The CA bundle ${path} cannot be read: ${messageOf(cause)}.`, cause);
  }
  return parseCaBundle(text, path);
}

function badCa(message: string, cause?: unknown): DrawbridgeError {
  return new DrawbridgeError('egress.bad_ca', message, {
    hint: 'Point egress.caBundle to a PEM file with the certificate of the authority that signs for this network.',
    ...(cause === undefined ? {} : { cause }),
  });
}

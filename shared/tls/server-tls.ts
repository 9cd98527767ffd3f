import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { createSecureContext } from 'node:tls';
import { DrawbridgeError, messageOf, systemCodeOf } from '../errors.ts';
import { SERVER_TLS_OPTIONS } from './options.ts';

export { CLIENT_TLS_OPTIONS, SERVER_TLS_OPTIONS } from './options.ts';

const FILE_LIMIT_BYTES = 1024 * 1024;

/**
 * Reads a server certificate (PEM, its chain behind it) and its key (PEM, no password), and makes sure that TLS can
 * be served with them, so that a mistake shows at start and not at the first connection.
 * @throws `tls.missing`, `tls.unreadable`, `tls.invalid_certificate`, `tls.invalid_key`, `tls.key_has_password`,
 * `tls.key_mismatch`, `tls.expired`, `tls.not_yet_valid`
 */
export async function loadServerTls(
  files: { readonly certificate: string; readonly key: string },
  nowMs = Date.now(),
): Promise<{ cert: string; key: string }> {
  const cert = await readPem(files.certificate, 'certificate');
  const key = await readPem(files.key, 'key');
  const certificate = parseCertificate(cert, files.certificate);
  const privateKey = parseKey(key, files.key);
  if (!certificate.checkPrivateKey(privateKey)) {
    throw new DrawbridgeError(
      'tls.key_mismatch',
      `The key ${files.key} is not that of ${files.certificate}.`,
      {
        hint: "Put the server's own certificate first in the file, before those of the CA.",
      },
    );
  }
  checkDates(certificate, files.certificate, nowMs);
  try {
    createSecureContext({ ...SERVER_TLS_OPTIONS, cert, key });
  } catch (error) {
    throw invalidCertificate(files.certificate, messageOf(error), error);
  }
  return { cert, key };
}

async function readPem(path: string, what: 'certificate' | 'key'): Promise<string> {
  try {
    if ((await stat(path)).size > FILE_LIMIT_BYTES) throw new Error('it is larger than 1 MiB');
    return await readFile(path, 'utf8');
  } catch (error) {
    if (systemCodeOf(error) === 'ENOENT') {
      throw new DrawbridgeError('tls.missing', `There is no TLS ${what} ${path}.`, {
        hint: `Check 'tls.${what}' in the config file.`,
        cause: error,
      });
    }
    const why = systemCodeOf(error) ?? messageOf(error);
    throw new DrawbridgeError('tls.unreadable', `Could not read the TLS ${what} ${path}: ${why}.`, {
      cause: error,
    });
  }
}

function parseCertificate(pem: string, path: string): X509Certificate {
  if (!pem.includes('-----BEGIN CERTIFICATE-----')) throw invalidCertificate(path, 'it is not in PEM form');
  try {
    return new X509Certificate(pem);
  } catch (error) {
    throw invalidCertificate(path, 'it can not be decoded', error);
  }
}

function parseKey(pem: string, path: string): KeyObject {
  if (pem.includes('ENCRYPTED')) {
    throw new DrawbridgeError('tls.key_has_password', `The TLS key ${path} has a password.`, {
      hint: `Take it off: openssl pkey -in ${path} -out key.pem`,
    });
  }
  try {
    return createPrivateKey(pem);
  } catch {
    // The parser's error is not kept: it is about secret text.
    throw new DrawbridgeError('tls.invalid_key', `${path} is not a private key in PEM form.`, {
      hint: "It begins with '-----BEGIN PRIVATE KEY-----' or with '-----BEGIN … PRIVATE KEY-----'.",
    });
  }
}

function checkDates(certificate: X509Certificate, path: string, nowMs: number): void {
  if (Date.parse(certificate.validTo) <= nowMs) {
    throw new DrawbridgeError(
      'tls.expired',
      `The TLS certificate ${path} expired on ${certificate.validTo}.`,
      {
        hint: 'Renew it, and put the new one in its place.',
      },
    );
  }
  if (Date.parse(certificate.validFrom) > nowMs) {
    throw new DrawbridgeError(
      'tls.not_yet_valid',
      `The TLS certificate ${path} is valid from ${certificate.validFrom}.`,
      {
        hint: "Check the machine's clock.",
      },
    );
  }
}

function invalidCertificate(path: string, why: string, cause?: unknown): DrawbridgeError {
  return new DrawbridgeError('tls.invalid_certificate', `${path} is not a usable TLS certificate: ${why}.`, {
    hint: "It must be PEM, '-----BEGIN CERTIFICATE-----', with the certificates of the CA behind the server's own.",
    cause,
  });
}

import { webcrypto } from 'node:crypto';
// The x509 package builds on decorators and needs this to be loaded before it.
import 'reflect-metadata';
import * as x509 from '@peculiar/x509';

const KEY_ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256' } as const;
const SIGNING_ALGORITHM = { ...KEY_ALGORITHM, hash: 'SHA-256' } as const;

/** A request for a certificate (PKCS #10, in DER) and the new key that it is for (PKCS #8, in PEM). */
export interface CertificateRequest {
  readonly der: Buffer;
  readonly keyPem: string;
}

/** Makes a fresh key and asks for a certificate for all of these DNS names. */
export async function requestCertificateFor(names: readonly string[]): Promise<CertificateRequest> {
  const keys = await webcrypto.subtle.generateKey(KEY_ALGORITHM, true, ['sign', 'verify']);
  const request = await x509.Pkcs10CertificateRequestGenerator.create(
    {
      keys,
      signingAlgorithm: SIGNING_ALGORITHM,
      extensions: [
        new x509.SubjectAlternativeNameExtension(
          names.map((value) => ({ type: 'dns' as const, value })),
          false,
        ),
      ],
    },
    webcrypto,
  );
  const pkcs8 = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey);
  return {
    der: Buffer.from(request.rawData),
    keyPem: `${x509.PemConverter.encode(pkcs8, 'PRIVATE KEY').trim()}\n`,
  };
}

import { randomBytes, webcrypto } from 'node:crypto';
import { mkdir, readFile, stat } from 'node:fs/promises';
import { isIP } from 'node:net';
import { dirname, join } from 'node:path';
// The x509 package builds on decorators and needs this to be loaded before it.
import 'reflect-metadata';
import * as x509 from '@peculiar/x509';
import { DrawbridgeError, messageOf, systemCodeOf } from '../errors.ts';
import { writeWholeFile } from '../store/whole-file.ts';

const DAY_MS = 86_400_000;
const CA_LIFETIME_MS = 10 * 365 * DAY_MS;
/** What browsers and Apple's systems accept at most, less a day. */
const SERVER_LIFETIME_MS = 397 * DAY_MS;
/** Machines whose clocks are behind must accept a certificate that is new. */
const BACKDATED_MS = DAY_MS;

/** A server certificate of ours with less than this left is renewed. */
const RENEW_BEFORE_MS = 60 * DAY_MS;
/** Beside the CA's certificate. */
const CA_KEY_FILE = 'ca-key.pem';

const KEY_ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256' } as const;
const SIGNING_ALGORITHM = { ...KEY_ALGORITHM, hash: 'SHA-256' } as const;

/** Where the files of a private CA are. */
export interface PrivateCaFiles {
  readonly ca: string;
  readonly certificate: string;
  readonly key: string;
}

/**
 * Makes a CA and a server certificate under it, for installations without a certificate of their own: `ca.pem`,
 * `ca-key.pem`, `cert.pem` (with the CA behind it) and `key.pem` in `dir` (made, 0700, if it is missing), ECDSA
 * P-256, keys 0600. The server certificate is for all of `hosts`, DNS names and IP addresses, and lives 397 days.
 * @throws `tls.exists` rather than replace a CA that others trust already; `tls.not_written`
 */
export async function createPrivateCa(
  dir: string,
  options: { readonly commonName: string; readonly hosts: readonly string[] },
): Promise<PrivateCaFiles> {
  const files = { ca: join(dir, 'ca.pem'), certificate: join(dir, 'cert.pem'), key: join(dir, 'key.pem') };
  if (await exists(files.ca)) {
    throw new DrawbridgeError('tls.exists', `There is a CA in ${files.ca} already.`, {
      hint: 'Others may trust it: keep it, or move it away to make a new one.',
    });
  }
  const ca = await makeCa(options.commonName);
  const server = await makeServerCertificate(ca, options.hosts);
  try {
    await mkdir(dir, { recursive: true, mode: 0o700 });
    await writeWholeFile(join(dir, CA_KEY_FILE), await privatePem(ca.keys.privateKey), 0o600);
    await writeWholeFile(files.key, await privatePem(server.keys.privateKey), 0o600);
    await writeWholeFile(files.certificate, `${pem(server.certificate)}${pem(ca.certificate)}`, 0o644);
    // Last, so that a half-made set is made again.
    await writeWholeFile(files.ca, pem(ca.certificate), 0o644);
  } catch (error) {
    throw new DrawbridgeError(
      'tls.not_written',
      `Could not write the certificates in ${dir}: ${messageOf(error)}.`,
      {
        hint: 'Check that the directory can be written and that the disk is not full.',
        cause: error,
      },
    );
  }
  return files;
}

/**
 * Gives the server certificate of a private CA another life when it comes to its end: same names, same key, so that
 * one file is replaced in one step. Whoever trusts the CA need not be told.
 * @returns false when there is nothing to do: no private CA of ours made it, or it lives long enough
 * @throws `tls.not_renewed`
 */
export async function renewFromPrivateCa(
  files: { readonly certificate: string; readonly ca?: string },
  nowMs: number,
): Promise<boolean> {
  if (files.ca === undefined) return false;
  const caKeyPath = join(dirname(files.ca), CA_KEY_FILE);
  if (!(await exists(caKeyPath)) || !(await exists(files.certificate))) return false;
  try {
    const ca = new x509.X509Certificate(await readFile(files.ca, 'utf8'));
    const old = new x509.X509Certificate(firstPem(await readFile(files.certificate, 'utf8')));
    const endMs = Math.min(nowMs - BACKDATED_MS + SERVER_LIFETIME_MS, ca.notAfter.getTime());
    // With the CA itself near its end, a renewal would gain nothing.
    const gainsNothing = endMs - old.notAfter.getTime() < DAY_MS;
    if (old.notAfter.getTime() - nowMs > RENEW_BEFORE_MS || gainsNothing) return false;
    const issued = await old.verify({ publicKey: ca.publicKey, signatureOnly: true }, webcrypto);
    if (!issued || old.issuer !== ca.subject) return false;
    const renewed = await x509.X509CertificateGenerator.create(
      {
        serialNumber: serialNumber(),
        subject: old.subject,
        issuer: ca.subject,
        notBefore: new Date(nowMs - BACKDATED_MS),
        notAfter: new Date(endMs),
        publicKey: old.publicKey,
        signingKey: await importKey(await readFile(caKeyPath, 'utf8')),
        signingAlgorithm: SIGNING_ALGORITHM,
        extensions: old.extensions,
      },
      webcrypto,
    );
    await writeWholeFile(files.certificate, `${pem(renewed)}${pem(ca)}`, 0o644);
    return true;
  } catch (cause) {
    throw new DrawbridgeError(
      'tls.not_renewed',
      `The TLS certificate ${files.certificate} could not be renewed: ${messageOf(cause)}.`,
      { hint: 'Check that the role may write there, and that the CA in the same folder is whole.', cause },
    );
  }
}

function firstPem(text: string): string {
  return /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/.exec(text)?.[0] ?? text;
}

function importKey(text: string): Promise<webcrypto.CryptoKey> {
  return webcrypto.subtle.importKey('pkcs8', x509.PemConverter.decodeFirst(text), KEY_ALGORITHM, false, [
    'sign',
  ]);
}

interface Issued {
  readonly certificate: x509.X509Certificate;
  readonly keys: webcrypto.CryptoKeyPair;
}

async function makeCa(commonName: string): Promise<Issued> {
  const keys = await generateKeys();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned(
    {
      serialNumber: serialNumber(),
      name: [{ CN: [commonName] }],
      ...validity(CA_LIFETIME_MS),
      signingAlgorithm: SIGNING_ALGORITHM,
      keys,
      extensions: [
        // It signs servers and no further CAs.
        new x509.BasicConstraintsExtension(true, 0, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
        await x509.SubjectKeyIdentifierExtension.create(keys.publicKey, false, webcrypto),
      ],
    },
    webcrypto,
  );
  return { certificate, keys };
}

async function makeServerCertificate(ca: Issued, hosts: readonly string[]): Promise<Issued> {
  const keys = await generateKeys();
  const names = [...new Set(hosts)].map((host): { type: 'ip' | 'dns'; value: string } => ({
    type: isIP(host) === 0 ? 'dns' : 'ip',
    value: host,
  }));
  const [first] = names;
  if (first === undefined)
    throw new DrawbridgeError('tls.no_host', 'A server certificate needs a name or address.');
  const certificate = await x509.X509CertificateGenerator.create(
    {
      serialNumber: serialNumber(),
      // A common name has 64 characters at most; clients look at the alternative names.
      subject: [{ CN: [first.value.slice(0, 64)] }],
      issuer: ca.certificate.subjectName,
      ...validity(SERVER_LIFETIME_MS),
      publicKey: keys.publicKey,
      signingKey: ca.keys.privateKey,
      signingAlgorithm: SIGNING_ALGORITHM,
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth], false),
        new x509.SubjectAlternativeNameExtension(names, false),
        await x509.SubjectKeyIdentifierExtension.create(keys.publicKey, false, webcrypto),
        await x509.AuthorityKeyIdentifierExtension.create(ca.keys.publicKey, false, webcrypto),
      ],
    },
    webcrypto,
  );
  return { certificate, keys };
}

function generateKeys(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(KEY_ALGORITHM, true, ['sign', 'verify']);
}

function validity(lifetimeMs: number): { notBefore: Date; notAfter: Date } {
  const nowMs = Date.now();
  return { notBefore: new Date(nowMs - BACKDATED_MS), notAfter: new Date(nowMs - BACKDATED_MS + lifetimeMs) };
}

/** 127 random bits: positive and not guessable (CA/Browser Forum asks for 64). */
function serialNumber(): string {
  const bytes = randomBytes(16);
  bytes.writeUInt8((bytes.readUInt8(0) & 0x7f) | 0x40, 0);
  return bytes.toString('hex');
}

function pem(certificate: x509.X509Certificate): string {
  return `${certificate.toString('pem').trim()}\n`;
}

async function privatePem(key: webcrypto.CryptoKey): Promise<string> {
  const pkcs8 = await webcrypto.subtle.exportKey('pkcs8', key);
  return `${x509.PemConverter.encode(pkcs8, 'PRIVATE KEY').trim()}\n`;
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if (systemCodeOf(error) === 'ENOENT') return false;
    throw error;
  }
}

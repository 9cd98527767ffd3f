import { createPrivateKey, generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto';
import { link, mkdir, open, readFile, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { DrawbridgeError, systemCodeOf } from '../errors.ts';
import { type NodeRole, nodeIdOf, type PublicJwk, publicJwkOf, thumbprintOf } from './keys.ts';

/** Who a proxy, bastion or agent is: an Ed25519 key pair made once, and what follows from it. */
export interface NodeIdentity {
  /** `p-`, `b-` or `a-` and 16 lower-case base32 characters; follows from the key. */
  readonly id: string;
  /** What people call it; for an agent, the host's name. */
  readonly name: string;
  readonly publicJwk: PublicJwk;
  /** RFC 7638, SHA-256, base64url. */
  readonly thumbprint: string;
  readonly privateKey: KeyObject;
}

const FILE_NAME = 'identity.json';
const FILE_LIMIT_BYTES = 16 * 1024;
const NAME_PATTERN = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/;

const fileSchema = z.object({
  v: z.literal(1),
  role: z.enum(['proxy', 'bastion', 'agent']),
  name: z.string().regex(NAME_PATTERN),
  privateKey: z.object({
    kty: z.literal('OKP'),
    crv: z.literal('Ed25519'),
    x: z.string(),
    d: z.string(),
  }),
});

/** True when `name` may be the name of a proxy, bastion or host: 1 to 63 letters, digits, `.`, `_` and `-`. */
export function isNodeName(name: string): boolean {
  return NAME_PATTERN.test(name);
}

/**
 * Makes a new identity and stores it as `identity.json` (0600) in `dataDir`, which is made if it is missing.
 * The file appears whole or not at all.
 * @throws `identity.exists`, `identity.invalid_name`, `identity.not_written`
 */
export async function createNodeIdentity(
  dataDir: string,
  role: NodeRole,
  name: string,
): Promise<NodeIdentity> {
  if (!isNodeName(name)) {
    throw new DrawbridgeError(
      'identity.invalid_name',
      `'${printable(name)}' can't be the name of a ${role}.`,
      {
        hint: 'Use 1 to 63 letters, digits, dots, underscores and hyphens, beginning with a letter or digit.',
      },
    );
  }
  const path = join(dataDir, FILE_NAME);
  const { privateKey } = generateKeyPairSync('ed25519');
  const file = { v: 1, role, name, privateKey: privateKey.export({ format: 'jwk' }) };
  try {
    await mkdir(dataDir, { recursive: true, mode: 0o700 });
    await writeOnce(path, `${JSON.stringify(file, undefined, 2)}\n`);
  } catch (error) {
    if (systemCodeOf(error) === 'EEXIST') {
      throw new DrawbridgeError('identity.exists', `There is an identity in ${path} already.`, {
        hint: 'Keep it: other roles know this one by it. To begin anew, choose another directory.',
        cause: error,
      });
    }
    throw new DrawbridgeError('identity.not_written', `Could not write ${path} (${systemCodeOf(error)}).`, {
      hint: 'Check that the directory can be written and that the disk is not full.',
      cause: error,
    });
  }
  return identityFrom(role, name, privateKey);
}

/**
 * Reads the identity in `dataDir`.
 * @throws `identity.missing`, `identity.unreadable` (damaged, not ours to read, or readable by others)
 */
export async function loadNodeIdentity(dataDir: string): Promise<NodeIdentity> {
  const path = join(dataDir, FILE_NAME);
  const text = await readSecret(path);
  try {
    const file = fileSchema.parse(JSON.parse(text));
    const privateKey = createPrivateKey({ key: file.privateKey, format: 'jwk' });
    if (publicJwkOf(privateKey).x !== file.privateKey.x)
      throw new Error('public and private half do not fit');
    return identityFrom(file.role, file.name, privateKey);
  } catch {
    // The parser's error could quote the key, so it is not kept as the cause.
    throw new DrawbridgeError('identity.unreadable', `${path} is damaged: it holds no identity.`, {
      hint: 'Restore the file from a backup; without it this role has to be enrolled anew.',
    });
  }
}

function identityFrom(role: NodeRole, name: string, privateKey: KeyObject): NodeIdentity {
  const publicJwk = publicJwkOf(privateKey);
  const thumbprint = thumbprintOf(publicJwk);
  return { id: nodeIdOf(role, thumbprint), name, publicJwk, thumbprint, privateKey };
}

async function readSecret(path: string): Promise<string> {
  let mode: number;
  let text: string;
  try {
    const { mode: fileMode, size } = await stat(path);
    if (size > FILE_LIMIT_BYTES) throw new Error('too large');
    mode = fileMode;
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (systemCodeOf(error) === 'ENOENT') {
      throw new DrawbridgeError('identity.missing', `There is no identity in ${path}.`, {
        hint: "Check 'dataDir' in the config file, or set this role up first with 'init' or 'join'.",
        cause: error,
      });
    }
    throw new DrawbridgeError('identity.unreadable', `Could not read ${path}.`, {
      hint: 'Check that the file belongs to the account that Drawbridge runs as.',
      cause: error,
    });
  }
  if ((mode & 0o077) !== 0) {
    throw new DrawbridgeError('identity.unreadable', `Others may read the private key in ${path}.`, {
      hint: `Run 'chmod 600 ${path}', and consider whether the key has been copied.`,
    });
  }
  return text;
}

/** Fails with EEXIST rather than replace a file, and leaves no half of one behind. */
async function writeOnce(path: string, text: string): Promise<void> {
  const temporary = `${path}.${randomBytes(6).toString('hex')}.new`;
  const file = await open(temporary, 'wx', 0o600);
  try {
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await link(temporary, path);
  } finally {
    await unlink(temporary);
  }
}

function printable(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, '?').slice(0, 80);
}

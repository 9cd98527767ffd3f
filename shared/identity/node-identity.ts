import { createPrivateKey, type KeyObject, randomBytes } from 'node:crypto';
import { link, mkdir, open, readFile, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { Clock } from '../clock.ts';
import { DrawbridgeError, systemCodeOf } from '../errors.ts';
import { freshEd25519 } from '../fresh-key.ts';
import { writeWholeFile } from '../store/whole-file.ts';
import { type NodeRole, nodeIdOf, type PublicJwk, publicJwkOf, thumbprintOf } from './keys.ts';
import { assertIdOfKey, MAX_SUCCESSIONS, signSuccession } from './succession.ts';

/** Who a proxy, bastion or agent is: an Ed25519 key pair, and what follows from it. */
export interface NodeIdentity {
  /** `p-`, `b-` or `a-` and 16 lower-case base32 characters; follows from the first key, and stays with later ones. */
  readonly id: string;
  /** What people call it; for an agent, the host's name. */
  readonly name: string;
  readonly publicJwk: PublicJwk;
  /** RFC 7638, SHA-256, base64url. */
  readonly thumbprint: string;
  readonly privateKey: KeyObject;
  /** How the first key came to the present one: statements of `succession.ts`, the oldest first. */
  readonly successions: readonly string[];
}

const FILE_NAME = 'identity.json';
const FILE_LIMIT_BYTES = 128 * 1024;
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
  /** Left out as long as the first key is in use. */
  id: z.string().min(1).max(128).optional(),
  successions: z.array(z.string()).max(MAX_SUCCESSIONS).default([]),
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
  const { privateKey } = freshEd25519();
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
  return identityFrom(role, name, privateKey, { successions: [] });
}

/**
 * Gives the role in `dataDir` a new key. The id stays; a statement that is signed with the old key goes with the new one,
 * so that every other end that has pinned the old key takes the new one when it next meets it. The file is replaced in one
 * step: whatever happens, it holds the old key or the new one. A role that runs goes on with the old key until it is
 * started again.
 * @throws `identity.missing`, `identity.unreadable`, `identity.not_written`, `identity.too_many_keys`
 */
export async function rotateNodeIdentity(
  dataDir: string,
  clock: Clock,
): Promise<{ readonly before: NodeIdentity; readonly after: NodeIdentity }> {
  const { role, identity: before } = await readIdentity(dataDir);
  if (before.successions.length >= MAX_SUCCESSIONS) {
    throw new DrawbridgeError('identity.too_many_keys', `This ${role} has had ${MAX_SUCCESSIONS} keys.`, {
      hint: 'Revoke it where it was enrolled, and enrol it anew.',
    });
  }
  const { privateKey } = freshEd25519();
  const succession = { id: before.id, from: before.publicJwk, to: publicJwkOf(privateKey) };
  const successions = [...before.successions, await signSuccession(succession, before.privateKey, clock)];
  const path = join(dataDir, FILE_NAME);
  const file = {
    v: 1,
    role,
    name: before.name,
    id: before.id,
    privateKey: privateKey.export({ format: 'jwk' }),
    successions,
  };
  try {
    await writeWholeFile(path, `${JSON.stringify(file, undefined, 2)}\n`);
  } catch (error) {
    throw new DrawbridgeError('identity.not_written', `Could not write ${path} (${systemCodeOf(error)}).`, {
      hint: 'The old key is still in use. Check that the directory can be written and that the disk is not full.',
      cause: error,
    });
  }
  return { before, after: identityFrom(role, before.name, privateKey, { id: before.id, successions }) };
}

/**
 * Reads the identity in `dataDir`.
 * @throws `identity.missing`, `identity.unreadable` (damaged, not ours to read, or readable by others)
 */
export async function loadNodeIdentity(dataDir: string): Promise<NodeIdentity> {
  return (await readIdentity(dataDir)).identity;
}

async function readIdentity(dataDir: string): Promise<{ role: NodeRole; identity: NodeIdentity }> {
  const path = join(dataDir, FILE_NAME);
  const text = await readSecret(path);
  try {
    const file = fileSchema.parse(JSON.parse(text));
    const privateKey = createPrivateKey({ key: file.privateKey, format: 'jwk' });
    if (publicJwkOf(privateKey).x !== file.privateKey.x)
      throw new Error('public and private half do not fit');
    const { role, name, id, successions } = file;
    const identity = identityFrom(role, name, privateKey, {
      ...(id === undefined ? {} : { id }),
      successions,
    });
    await assertIdOfKey({ role, ...identity }, successions);
    return { role, identity };
  } catch {
    // The parser's error could quote the key, so it is not kept as the cause.
    throw new DrawbridgeError('identity.unreadable', `${path} is damaged: it holds no identity.`, {
      hint: 'Restore the file from a backup; without it this role has to be enrolled anew.',
    });
  }
}

function identityFrom(
  role: NodeRole,
  name: string,
  privateKey: KeyObject,
  { id, successions }: { readonly id?: string; readonly successions: readonly string[] },
): NodeIdentity {
  const publicJwk = publicJwkOf(privateKey);
  const thumbprint = thumbprintOf(publicJwk);
  return { id: id ?? nodeIdOf(role, thumbprint), name, publicJwk, thumbprint, privateKey, successions };
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
  const temporary = await writeBeside(path, text);
  try {
    await link(temporary, path);
  } finally {
    await unlink(temporary);
  }
}

/** Writes the text to a file of another name in the same directory, and gives that name. */
async function writeBeside(path: string, text: string): Promise<string> {
  const temporary = `${path}.${randomBytes(6).toString('hex')}.new`;
  const file = await open(temporary, 'wx', 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } catch (error) {
    await unlink(temporary);
    throw error;
  } finally {
    await file.close();
  }
  return temporary;
}

function printable(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, '?').slice(0, 80);
}

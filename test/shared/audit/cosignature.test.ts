import { createHash, verify } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import { openCheckpoint, signCheckpoint } from '../../../shared/audit/checkpoint-note.ts';
import { cosign, cosignedAtMs } from '../../../shared/audit/cosignature.ts';
import { formatVerifierKey, parseVerifierKey } from '../../../shared/audit/verifier-key.ts';
import { publicKeyOf } from '../../../shared/identity/keys.ts';
import { createNodeIdentity, type NodeIdentity } from '../../../shared/identity/node-identity.ts';
import { createTemporaryDirectory } from '../../support/temporary-directory.ts';

const AT_MS = 1_679_315_147_000;
let bastion: NodeIdentity;
let proxy: NodeIdentity;
let note: string;

beforeAll(async () => {
  const { path, remove } = createTemporaryDirectory();
  bastion = await createNodeIdentity(`${path}/b`, 'bastion', 'acme');
  proxy = await createNodeIdentity(`${path}/p`, 'proxy', 'central');
  note = signCheckpoint(bastion, 17, createHash('sha256').update('root').digest());
  return remove;
});

describe('a counter-signature', () => {
  it('is found by the key of the witness, with its time, and leaves the note itself valid', () => {
    const cosigned = cosign(note, proxy, AT_MS);
    expect(cosignedAtMs(cosigned, proxy)).toBe(AT_MS);
    expect(openCheckpoint(cosigned, bastion.publicJwk)).toEqual(openCheckpoint(note, bastion.publicJwk));
    expect(cosignedAtMs(note, proxy)).toBeUndefined();
    expect(cosignedAtMs(cosigned, bastion)).toBeUndefined();
    expect(cosignedAtMs(cosign(cosigned, proxy, AT_MS + 5000), proxy)).toBe(AT_MS + 5000);
  });

  it('has the form of C2SP tlog-cosignature: key id of type 4, seconds, and a signature over header, time and note', () => {
    const line = cosign(note, proxy, AT_MS).split('\n').at(-2) ?? '';
    const name = `drawbridge/${proxy.id}`;
    const bytes = Buffer.from(line.slice(`— ${name} `.length), 'base64');
    const key = Buffer.from(proxy.publicJwk.x, 'base64url');
    const keyId = createHash('sha256').update(`${name}\n`).update(Buffer.of(4)).update(key).digest();
    expect(line.startsWith(`— ${name} `)).toBe(true);
    expect(bytes.subarray(0, 4)).toEqual(keyId.subarray(0, 4));
    expect(bytes.readBigUInt64BE(4)).toBe(1_679_315_147n);
    const signed = `cosignature/v1\ntime 1679315147\n${note.slice(0, note.indexOf('\n\n') + 1)}`;
    expect(verify(null, Buffer.from(signed), publicKeyOf(proxy.publicJwk), bytes.subarray(12))).toBe(true);
  });

  it('does not count when the note or its time was changed', () => {
    const cosigned = cosign(note, proxy, AT_MS);
    expect(cosignedAtMs(cosigned.replace('\n17\n', '\n18\n'), proxy)).toBeUndefined();
    const lines = cosigned.split('\n');
    const last = lines.at(-2) ?? '';
    const [prefix, base64 = ''] = [
      last.slice(0, last.lastIndexOf(' ') + 1),
      last.slice(last.lastIndexOf(' ') + 1),
    ];
    const bytes = Buffer.from(base64, 'base64');
    bytes.writeBigUInt64BE(1n, 4);
    const later = [...lines.slice(0, -2), prefix + bytes.toString('base64'), ''].join('\n');
    expect(cosignedAtMs(later, proxy)).toBeUndefined();
  });
});

describe('a public key in one line', () => {
  it('survives writing and reading, for both uses, also between comments', () => {
    for (const verifies of ['checkpoints', 'cosignatures'] as const) {
      const key = { id: proxy.id, publicJwk: proxy.publicJwk, verifies };
      expect(parseVerifierKey(`# from the proxy\n\n${formatVerifierKey(key)}\n`)).toEqual(key);
    }
  });

  it.each([
    ['nothing', ''],
    ['two keys', 'double'],
    ['another id with the key', 'id'],
    ['another key under the id', 'key'],
    ['an unknown type', 'type'],
    ['something else', 'ssh-ed25519 AAAA'],
  ])('is refused when it is %s', (_what, how) => {
    const good = formatVerifierKey({ id: bastion.id, publicJwk: bastion.publicJwk, verifies: 'checkpoints' });
    const other = formatVerifierKey({ id: proxy.id, publicJwk: proxy.publicJwk, verifies: 'checkpoints' });
    const [name = '', keyId = '', key = ''] = good.split('+', 2).concat(good.split('+').slice(2).join('+'));
    const texts: Record<string, string> = {
      double: `${good}\n${good}`,
      id: [other.split('+')[0], keyId, key].join('+'),
      key: [name, keyId, other.split('+').slice(2).join('+')].join('+'),
      type: [name, keyId, `A${String.fromCharCode(key.charCodeAt(1) === 81 ? 82 : 81)}${key.slice(2)}`].join(
        '+',
      ),
    };
    expect(() => parseVerifierKey(texts[how] ?? how)).toThrow(
      expect.objectContaining({ code: 'audit.bad_key' }) as Error,
    );
  });
});

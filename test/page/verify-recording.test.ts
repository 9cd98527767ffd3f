import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { EvidenceFault, verifyRecording } from '../../bastion/page/src/data/verify-recording.ts';
import type { AuditEntry, AuditProof } from '../../bastion/web/api.ts';
import { cosign } from '../../shared/audit/cosignature.ts';
import { AuditLog } from '../../shared/audit/log.ts';
import { thumbprintOf } from '../../shared/identity/keys.ts';
import { createNodeIdentity } from '../../shared/identity/node-identity.ts';
import { silentLogger } from '../../shared/log.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { createTemporaryDirectory, temporaryDirectory } from '../support/temporary-directory.ts';

const CAST = '{"version":2,"width":80,"height":24}\n[0.1,"o","hello"]\n';
const digestText = (text: string) => createHash('sha256').update(text).digest('hex');
const bytes = (text: string) => new TextEncoder().encode(text);

async function sealed(before: number, after: number) {
  const { path: dir, remove } = createTemporaryDirectory();
  const identity = await createNodeIdentity(join(dir, 'bastion'), 'bastion', 'acme');
  const log = await AuditLog.open(join(dir, 'bastion'), {
    identity,
    clock: new FakeClock(),
    log: silentLogger(),
  });
  const fill = async (count: number) => {
    await Promise.all(
      Array.from({ length: count }, (_, n) =>
        log.append({ type: 'exec.started', actor: 'operator:alice', n }),
      ),
    );
  };
  await fill(before);
  const closed = await log.append({
    type: 'recording.closed',
    actor: 'operator:alice',
    session: 's-1',
    channel: 1,
    sha256: digestText(CAST),
  });
  await fill(after);
  const { note, size } = await log.checkpoint();
  const path = await log.inclusionProof(closed.seq, size);
  const proof: AuditProof = {
    note,
    path: path.map((hash) => hash.toString('base64')),
    key: identity.publicJwk.x,
  };
  await log.close();
  remove();
  return {
    closed: JSON.parse(JSON.stringify(closed)) as AuditEntry,
    proof,
    size,
    fingerprint: thumbprintOf(identity.publicJwk),
  };
}

describe('a recording, verified by the browser', () => {
  test.each([
    [0, 0],
    [0, 1],
    [1, 0],
    [3, 4],
    [6, 0],
    [255, 300],
    [300, 17],
  ])('is what was recorded, with %i events before and %i behind', async (before, after) => {
    const { closed, proof, size, fingerprint } = await sealed(before, after);
    expect(await verifyRecording(bytes(CAST), closed, proof)).toEqual({
      sha256: digestText(CAST),
      seq: before + 1,
      size,
      key: { x: proof.key, fingerprint },
      awaitsWitness: false,
    });
  });

  test('tells who has counter-signed, when, and by which key; and that nobody has yet', async () => {
    const { closed, proof } = await sealed(3, 4);
    const witness = await createNodeIdentity(temporaryDirectory(), 'proxy', 'vendor');
    const pinned = { id: witness.id, name: 'vendor', key: witness.publicJwk.x };
    const signedTwice = cosign(cosign(proof.note, witness, 5_000), witness, 9_000);
    expect(
      await verifyRecording(bytes(CAST), closed, { ...proof, note: signedTwice, witness: pinned }),
    ).toMatchObject({
      awaitsWitness: false,
      witness: {
        name: 'vendor',
        x: witness.publicJwk.x,
        fingerprint: thumbprintOf(witness.publicJwk),
        atMs: 9_000,
      },
    });
    const early = await verifyRecording(bytes(CAST), closed, { ...proof, witness: pinned });
    expect(early.awaitsWitness).toBe(true);
    expect(early).not.toHaveProperty('witness');
  });

  test('is refused when the counter-signature is of another key, time or text', async () => {
    const { closed, proof } = await sealed(3, 4);
    const witness = await createNodeIdentity(temporaryDirectory(), 'proxy', 'vendor');
    const other = await createNodeIdentity(temporaryDirectory(), 'proxy', 'vendor');
    const pinned = { id: witness.id, name: 'vendor', key: witness.publicJwk.x };
    const refused = (changed: Partial<AuditProof>) =>
      expect(verifyRecording(bytes(CAST), closed, { ...proof, witness: pinned, ...changed })).rejects.toThrow(
        "The witness's counter-signature does not fit its key.",
      );
    const note = cosign(proof.note, witness, 5_000);
    await refused({ note, witness: { ...pinned, key: other.publicJwk.x } });
    const stamp = Buffer.from(note.trimEnd().split(' ').at(-1) ?? '', 'base64');
    const line = (bytesOfIt: Buffer) =>
      `${proof.note}\u2014 drawbridge/${witness.id} ${bytesOfIt.toString('base64')}\n`;
    await refused({ note: line(stamp.fill(1, 4, 12)) });
    await refused({ note: line(stamp.subarray(0, 20)) });
    await refused({ note: line(stamp.subarray(0, 3)) });
    const another = await sealed(5, 1);
    await refused({
      note: `${proof.note}${cosign(another.proof.note, witness, 5_000).split('\n').at(-2)}\n`,
    });
  });

  describe('is not, when anything was changed:', () => {
    let whole: Awaited<ReturnType<typeof sealed>>;
    beforeAll(async () => {
      whole = await sealed(4, 6);
    });
    const another = Buffer.alloc(32, 7);

    test.each<[what: string, change: () => [string, AuditEntry, AuditProof]]>([
      ['a byte of it', () => [CAST.replace('hello', 'hallo'), whole.closed, whole.proof]],
      ['its end', () => [CAST.slice(0, -1), whole.closed, whole.proof]],
      [
        'the digest in the event',
        () => ['other', { ...whole.closed, sha256: digestText('other') }, whole.proof],
      ],
      ['another field of the event', () => [CAST, { ...whole.closed, channel: 2 }, whole.proof]],
      ['the number of the event', () => [CAST, { ...whole.closed, seq: 3 }, whole.proof]],
      [
        'a hash of the path',
        () => [
          CAST,
          whole.closed,
          { ...whole.proof, path: [another.toString('base64'), ...whole.proof.path.slice(1)] },
        ],
      ],
      [
        'the length of the path',
        () => [CAST, whole.closed, { ...whole.proof, path: whole.proof.path.slice(1) }],
      ],
      [
        'the path by one more',
        () => [
          CAST,
          whole.closed,
          { ...whole.proof, path: [...whole.proof.path, another.toString('base64')] },
        ],
      ],
      [
        'the root in the checkpoint',
        () => [
          CAST,
          whole.closed,
          {
            ...whole.proof,
            note: whole.proof.note.replace(/\n([A-Za-z0-9+/=]{44})\n/, `\n${another.toString('base64')}\n`),
          },
        ],
      ],
      [
        'the size in the checkpoint',
        () => [CAST, whole.closed, { ...whole.proof, note: whole.proof.note.replace(/\n11\n/, '\n12\n') }],
      ],
      ['the key', () => [CAST, whole.closed, { ...whole.proof, key: another.toString('base64url') }]],
      [
        'the signature away',
        () => [CAST, whole.closed, { ...whole.proof, note: whole.proof.note.replace(/\u2014 .*/, '') }],
      ],
    ])('%s', async (_what, change) => {
      const [cast, closed, proof] = change();
      await expect(verifyRecording(bytes(cast), closed, proof)).rejects.toBeInstanceOf(EvidenceFault);
    });
  });
});

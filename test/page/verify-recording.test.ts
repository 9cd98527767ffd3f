import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { EvidenceFault, verifyRecording } from '../../bastion/page/src/data/verify-recording.ts';
import type { AuditEntry, AuditProof } from '../../bastion/web/api.ts';
import { AuditLog } from '../../shared/audit/log.ts';
import { createNodeIdentity } from '../../shared/identity/node-identity.ts';
import { silentLogger } from '../../shared/log.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { createTemporaryDirectory } from '../support/temporary-directory.ts';

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
  return { closed: JSON.parse(JSON.stringify(closed)) as AuditEntry, proof, size };
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
    const { closed, proof, size } = await sealed(before, after);
    expect(await verifyRecording(bytes(CAST), closed, proof)).toEqual({
      sha256: digestText(CAST),
      seq: before + 1,
      size,
      key: proof.key,
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

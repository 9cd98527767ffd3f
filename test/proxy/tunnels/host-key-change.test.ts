import { PassThrough } from 'node:stream';
import { beforeEach, describe, expect, it } from 'vitest';
import type { EnrolledBastion } from '../../../proxy/store/store.ts';
import { HOST_KEY_KIND, HostKeyChanges } from '../../../proxy/tunnels/host-key-change.ts';
import { createNodeIdentity, type NodeIdentity } from '../../../shared/identity/node-identity.ts';
import { signSshKey } from '../../../shared/identity/ssh-key-statement.ts';
import { silentLogger } from '../../../shared/log.ts';
import { generateSshKey, parsePublicLine } from '../../../shared/ssh/keys.ts';
import type { IncomingStream, TunnelStream } from '../../../shared/tunnel/tunnel.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { MemoryAudit } from '../../support/memory-audit.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';

const PROXY = 'p-aaaaaaaaaaaaaaaa';
const keyLine = () => generateSshKey('').publicLine.trim();
const oldKey = keyLine();
const newKey = keyLine();

let clock: FakeClock;
let bastion: NodeIdentity;
let audit: MemoryAudit;
/** What the proxy has stored of the bastion. */
let enrolled: EnrolledBastion;
/** Pinning fails. */
let storeFails: boolean;
beforeEach(async () => {
  clock = new FakeClock();
  audit = new MemoryAudit();
  storeFails = false;
  bastion = await createNodeIdentity(temporaryDirectory(), 'bastion', 'acme');
  const { id, publicJwk } = bastion;
  enrolled = { id, name: 'acme', publicJwk, sshHostKey: oldKey, fields: {}, enrolledAtMs: 0 };
});

/** Answers a stream with this request, and gives `accepted` or the code of the refusal. */
async function answerTo(
  request: Readonly<Record<string, unknown>>,
  from = bastion.id,
  signal = new AbortController().signal,
): Promise<string> {
  const changes = new HostKeyChanges({
    enrolments: {
      findBastion: async (id: string) => (id === enrolled.id ? enrolled : undefined),
      pinHostKey: async (_id: string, sshHostKey: string) => {
        if (storeFails) throw new Error('the disk is full');
        enrolled = { ...enrolled, sshHostKey };
      },
    },
    audit,
    audience: PROXY,
    clock,
    log: silentLogger(),
  });
  const answers: string[] = [];
  const incoming: IncomingStream = {
    request: { v: 1, kind: HOST_KEY_KIND, ...request },
    accept: () => {
      answers.push('accepted');
      return Object.assign(new PassThrough(), { streamId: 1 }) satisfies TunnelStream;
    },
    refuse: (code) => answers.push(code),
    signal,
  };
  await changes.handle(incoming, from);
  return answers.join();
}

const stated = async (key: string, by = bastion, audience = PROXY) => ({
  statement: await signSshKey(by, { audience, use: 'host', key }, clock),
});

describe("a bastion's statement of its SSH host key", () => {
  it('is pinned, once the event is stored', async () => {
    let pinnedAtEvent: string | undefined;
    audit.onAppend = () => {
      pinnedAtEvent = enrolled.sshHostKey;
    };
    expect(await answerTo(await stated(newKey))).toBe('accepted');
    expect(enrolled.sshHostKey).toBe(newKey);
    expect(pinnedAtEvent).toBe(oldKey);
    expect(audit.events).toMatchObject([
      {
        type: 'bastion.host_key_rotated',
        actor: 'bastion:acme',
        bastionId: bastion.id,
        from: parsePublicLine(oldKey).fingerprint,
        to: parsePublicLine(newKey).fingerprint,
      },
    ]);
  });

  it('changes nothing when it is the pinned key, as with every tunnel', async () => {
    expect(await answerTo(await stated(oldKey))).toBe('accepted');
    expect(audit.events).toEqual([]);
  });

  it('is not believed without the signature of that bastion, for this proxy', async () => {
    const thief = await createNodeIdentity(temporaryDirectory(), 'bastion', 'acme');
    for (const request of [
      await stated(newKey, thief),
      await stated(newKey, { ...bastion, privateKey: thief.privateKey }),
      await stated(newKey, bastion, 'p-bbbbbbbbbbbbbbbb'),
      { statement: newKey },
    ])
      expect(await answerTo(request)).toBe('identity.refused');
    expect(enrolled.sshHostKey).toBe(oldKey);
    expect(audit.events).toEqual([]);
  });

  it('is not believed when it is an old one that somebody plays back', async () => {
    const old = await stated(newKey);
    clock.advance(10 * 60_000);
    expect(await answerTo(old)).toBe('identity.refused');
    expect(enrolled.sshHostKey).toBe(oldKey);
  });

  it('is refused when it is none, or of a bastion that is not enrolled', async () => {
    expect(await answerTo({})).toBe('stream.malformed');
    expect(await answerTo({ statement: 'x'.repeat(20_000) })).toBe('stream.malformed');
    expect(await answerTo(await stated(newKey), 'b-bbbbbbbbbbbbbbbb')).toBe('stream.malformed');
  });

  it('is not pinned while the event can not be stored, and taken the next time', async () => {
    audit.failing = true;
    expect(await answerTo(await stated(newKey))).toBe('identity.refused');
    expect(enrolled.sshHostKey).toBe(oldKey);
    audit.failing = false;
    expect(await answerTo(await stated(newKey))).toBe('accepted');
    expect(enrolled.sshHostKey).toBe(newKey);
  });

  it('is refused when it can not be pinned, and taken the next time', async () => {
    storeFails = true;
    expect(await answerTo(await stated(newKey))).toBe('identity.refused');
    storeFails = false;
    expect(await answerTo(await stated(newKey))).toBe('accepted');
    expect(enrolled.sshHostKey).toBe(newKey);
  });

  it('is pinned also when the stream is gone by then, and not answered', async () => {
    expect(await answerTo(await stated(newKey), bastion.id, AbortSignal.abort())).toBe('');
    expect(enrolled.sshHostKey).toBe(newKey);
  });
});

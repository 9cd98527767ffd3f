import { sign, verify } from 'node:crypto';
import { type PublicJwk, publicKeyOf } from '../identity/keys.ts';
import type { NodeIdentity } from '../identity/node-identity.ts';
import { openSuccession } from '../identity/succession.ts';
import { counted } from './fault-list.ts';

/**
 * Where a log ends, signed by its writer in the very statement that stores the events: so what stands behind it, or is
 * missing before it, was done by somebody else. It says nothing against one who has the key, nor against one who puts the
 * whole file back as it once was: those, a witness finds.
 */
export interface SignedEnd {
  readonly seq: number;
  readonly hash: string;
  /** Base64. */
  readonly signature: string;
}

/** In a checkpoint's event: whoever wrote it signs the log's end, so that a log which has one must have its end signed. */
export const END_SIGNED_FIELD = 'endSigned';

/** How a log does not end as its writer left it. */
export interface EndDifference {
  readonly finding: 'added' | 'cut' | 'exchanged' | 'forged' | 'unsigned';
  /** Number of the last event that the writer signed, where that can be known. */
  readonly signedSeq?: number;
  /** Number of the last event that was found. */
  readonly foundSeq: number;
  /** In words, as a clause. */
  readonly text: string;
}

/** The signature over a log's end. */
export function signEnd(
  identity: Pick<NodeIdentity, 'id' | 'privateKey'>,
  end: Pick<SignedEnd, 'seq' | 'hash'>,
): string {
  return sign(null, signedText(identity.id, end), identity.privateKey).toString('base64');
}

/** All keys that a role has had: it may have got a new one since its log was last written. @throws `identity.refused` */
export async function keysOf(
  identity: Pick<NodeIdentity, 'publicJwk' | 'successions'>,
): Promise<readonly PublicJwk[]> {
  const before: PublicJwk[] = [];
  for (const statement of identity.successions) before.push((await openSuccession(statement)).from);
  return [identity.publicJwk, ...before];
}

/** What {@link endDifference} looks at. */
export interface FoundEnd {
  /** Id of the role whose log it is, and the keys that it has had. */
  readonly id: string;
  readonly keys: readonly PublicJwk[];
  /** Number of the last event. */
  readonly foundSeq: number;
  readonly signed: SignedEnd | undefined;
  /** Hash of the event that the signature is about, if there is such an event. */
  readonly hashAtSigned: string | undefined;
  /** The log says of itself that its end is signed. */
  readonly mustBeSigned: boolean;
}

/** How a log ends otherwise than its writer left it; undefined when it does not, or when nothing was signed yet. */
export function endDifference(found: FoundEnd): EndDifference | undefined {
  const { id, keys, foundSeq, signed } = found;
  if (signed === undefined) {
    if (!found.mustBeSigned) return undefined;
    return { finding: 'unsigned', foundSeq, text: "the signature over the log's end was taken away" };
  }
  if (!keys.some((key) => isSignedBy(key, id, signed))) {
    return {
      finding: 'forged',
      foundSeq,
      text: "the signature over the log's end is not the bastion's or proxy's own",
    };
  }
  const { seq: signedSeq } = signed;
  const about = { signedSeq, foundSeq };
  if (foundSeq < signedSeq) {
    const what = rangeText(foundSeq + 1, signedSeq);
    return {
      ...about,
      finding: 'cut',
      text: `${what} cut off from the log's end, which was signed behind ${counted(signedSeq, 'event')}`,
    };
  }
  if (found.hashAtSigned !== signed.hash) {
    return {
      ...about,
      finding: 'exchanged',
      text: `event ${signedSeq} is not the one that the log's writer signed as its end`,
    };
  }
  if (foundSeq === signedSeq) return undefined;
  const what = rangeText(signedSeq + 1, foundSeq);
  return { ...about, finding: 'added', text: `${what} put into the log by somebody else than its writer` };
}

function rangeText(from: number, to: number): string {
  return from === to ? `event ${from} was` : `events ${from} to ${to} were`;
}

function isSignedBy(key: PublicJwk, id: string, { signature, ...end }: SignedEnd): boolean {
  return verify(null, signedText(id, end), publicKeyOf(key), Buffer.from(signature, 'base64'));
}

function signedText(id: string, { seq, hash }: Pick<SignedEnd, 'seq' | 'hash'>): Buffer {
  return Buffer.from(`drawbridge-log-end\n${id}\n${seq}\n${hash}\n`);
}
